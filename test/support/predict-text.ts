import { Call, pipelineCodec, type DataPlane } from 'vivace';

/** The JSON text that a transport would answer with, from what a transport has. */
export async function predictText(
  { pipelines }: DataPlane,
  pipeline: string,
  body: unknown,
): Promise<string> {
  const codec = pipelineCodec(pipelines.describe(pipeline));
  let columnar = false;
  const call = new Call({ requestId: 'r', signal: new AbortController().signal });
  const answer = await pipelines.predict(
    pipeline,
    () => {
      const decoded = codec.decode(body);
      columnar = decoded.columnar;
      return decoded.input;
    },
    call,
  );
  return codec.text(answer, columnar);
}
