import { VivaceError, type Datatype, type TensorData } from 'vivace';
import { inferRequestReader, parseExact, type InferRequest } from 'vivace/wire';

/** The bytes after a request that has all of its tensors in JSON. */
export const nothing = new Uint8Array(0);

/** A model with one input and one output of a datatype. */
export function one(
  datatype: Datatype,
  shape: readonly number[] = [-1],
): {
  inputs: { name: string; datatype: Datatype; shape: readonly number[] }[];
  outputs: { name: string; datatype: Datatype; shape: readonly number[] }[];
} {
  return { inputs: [{ name: 'x', datatype, shape }], outputs: [{ name: 'y', datatype, shape }] };
}

/** Reads a text with one input as the protocol does. */
export function readText(model: Parameters<typeof inferRequestReader>[0], text: string): InferRequest {
  return inferRequestReader(model)(
    { value: JSON.parse(text) as unknown, exact: () => parseExact(Buffer.from(text)) },
    nothing,
  );
}

/** The data of a tensor that a request holds as `data`. */
export function readData(datatype: Datatype, data: string, shape = '[1]', declared = [-1]): TensorData {
  const text = `{"inputs":[{"name":"x","datatype":"${datatype}","shape":${shape},"data":${data}}]}`;
  return readText(one(datatype, declared), text).inputs[0]!.data;
}

/** The code and the message of what a read is refused with. */
export function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof VivaceError) return `${error.code} ${error.message}`;
    throw error;
  }
  throw new Error('it was not refused');
}
