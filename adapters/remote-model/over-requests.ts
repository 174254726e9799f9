import { createTensorData, VivaceError, type Tensor, type TensorData } from 'vivace';

/** The rows of one request. */
export interface OneRequest {
  readonly rows: number;
  /** Memory of the call's inputs. */
  readonly inputs: readonly Tensor[];
}

/** The requests of a call one by one; the protocol has no place for several in one. */
export function requestsOf(inputs: readonly Tensor[], offsets: Uint32Array): OneRequest[] {
  return Array.from({ length: offsets.length - 1 }, (_, i) => {
    const [from, to] = [offsets[i]!, offsets[i + 1]!];
    return { rows: to - from, inputs: inputs.map((tensor) => rowsOf(tensor, from, to)) };
  }).filter(({ rows }) => rows > 0);
}

function rowsOf({ name, datatype, shape, data }: Tensor, from: number, to: number): Tensor {
  const width = data.length / shape[0]!;
  const [start, end] = [from * width, to * width];
  const part = Array.isArray(data) ? data.slice(start, end) : data.subarray(start, end);
  return { name, datatype, shape: [to - from, ...shape.slice(1)], data: part };
}

/**
 * The outputs of several requests, end to end.
 *
 * @throws {VivaceError} `PREDICTOR_FAILED` where the model gave them rows of different shapes.
 */
export function endToEnd(answers: readonly (readonly Tensor[])[], rows: number): readonly Tensor[] {
  const [first, ...others] = answers as readonly [readonly Tensor[], ...(readonly Tensor[])[]];
  if (others.length === 0) return first;
  return first.map(({ name, datatype, shape }, i) => {
    const inner = shape.slice(1);
    const parts = answers.map((outputs) => outputs[i]!);
    if (parts.some((part) => part.shape.slice(1).join() !== inner.join()))
      throw new VivaceError('PREDICTOR_FAILED', `the output "${name}" has rows of several shapes`);
    const data = joined(
      parts.map((part) => part.data),
      datatype,
    );
    return { name, datatype, shape: [rows, ...inner], data };
  });
}

function joined(parts: readonly TensorData[], datatype: Tensor['datatype']): TensorData {
  if (datatype === 'BYTES') return (parts as (string | Uint8Array)[][]).flat();
  const data = createTensorData(
    datatype,
    parts.reduce((sum, { length }) => sum + length, 0),
  ) as Float64Array;
  let at = 0;
  for (const part of parts as Float64Array[]) {
    data.set(part, at);
    at += part.length;
  }
  return data;
}
