import { HttpClient, jsonRequest } from './http-client.js';
import type { Target } from './load.js';
import { randomNumbers } from './random.js';

/** Requests of one flower each over Open Inference. */
export function irisRequests(): Buffer[] {
  const random = randomNumbers(5);
  const measurement = (): number => Math.round(random() * 80) / 10;
  return Array.from({ length: 256 }, () =>
    jsonRequest('/v2/models/iris/infer', {
      inputs: [
        {
          name: 'features',
          datatype: 'FP32',
          shape: [1, 4],
          data: [measurement(), measurement(), measurement(), measurement()],
        },
      ],
    }),
  );
}

/** @throws {Error} Where they do not answer the same request with the same species and the same probabilities. */
export async function checkAnswers(targets: readonly Target[]): Promise<void> {
  const answers = await Promise.all(
    targets.map(async ({ url, requests }) => {
      const connection = await HttpClient.open(url);
      const { outputs } = JSON.parse((await connection.send(requests[0]!)).toString()) as {
        outputs: { data: number[] }[];
      };
      connection.close();
      return JSON.stringify(outputs.map(({ data }) => data.map((value) => value.toFixed(5))));
    }),
  );
  if (new Set(answers).size > 1)
    throw new Error(`they answer differently: their times compare nothing\n${answers.join('\n')}`);
}

/** The signature of both iris models. */
export const irisSignature = {
  inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, 4] }],
  outputs: [
    { name: 'label', datatype: 'INT64', shape: [-1] },
    { name: 'probabilities', datatype: 'FP32', shape: [-1, 3] },
  ],
} as const;
