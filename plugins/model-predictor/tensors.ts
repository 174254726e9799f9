import { createTensorData, type Tensor, type TensorData, type TensorSpec } from 'vivace';
import { copyData } from 'vivace/wire';

/** What joining needs to know of a call. */
export interface Rows {
  readonly inputs: readonly Tensor[];
  readonly rows: number;
  readonly offsets: Uint32Array | undefined;
}

/** Whether the inputs of two calls differ in nothing but their rows. */
export function joinable(a: readonly Tensor[], b: readonly Tensor[]): boolean {
  for (let i = 0; i < a.length; i++) {
    const [left, right] = [a[i]!.shape, b[i]!.shape];
    for (let k = 1; k < left.length; k++) if (left[k] !== right[k]) return false;
  }
  return true;
}

/** The inputs of several calls, end to end along the first axis. */
export function joinInputs(calls: readonly Rows[], rows: number): Tensor[] {
  return calls[0]!.inputs.map(({ name, datatype, shape }, i) => {
    const parts = calls.map((call) => call.inputs[i]!.data);
    return { name, datatype, shape: [rows, ...shape.slice(1)], data: joinData(parts, datatype) };
  });
}

function joinData(parts: readonly TensorData[], datatype: Tensor['datatype']): TensorData {
  if (datatype === 'BYTES') return (parts as (string | Uint8Array)[][]).flat();
  let length = 0;
  for (const part of parts) length += part.length;
  const data = createTensorData(datatype, length) as Float64Array;
  let at = 0;
  for (const part of parts as Float64Array[]) {
    data.set(part, at);
    at += part.length;
  }
  return data;
}

/** The boundaries of the requests of several calls, one after the other. */
export function joinOffsets(calls: readonly Rows[]): Uint32Array {
  const offsets = [0];
  let base = 0;
  for (const { rows, offsets: own } of calls) {
    for (const offset of own?.subarray(1) ?? [rows]) offsets.push(base + offset);
    base += rows;
  }
  return Uint32Array.from(offsets);
}

/** Rows `from` up to `to` of each output, copied: no answer holds a view into another's. */
export function sliceOutputs(outputs: readonly Tensor[], from: number, to: number): Tensor[] {
  return outputs.map(({ name, datatype, shape, data }) => {
    const stride = data.length / (shape[0] as number);
    const [start, end] = [from * stride, to * stride];
    const part = Array.isArray(data) ? data.slice(start, end) : copyData(data.subarray(start, end));
    return { name, datatype, shape: [to - from, ...shape.slice(1)], data: part };
  });
}

/** Tensors of zeros (empty strings) as declared; a dimension of any size is 1. */
export function zeros(specs: readonly TensorSpec[], rows: number): Tensor[] {
  return specs.map(({ name, datatype, shape: declared }) => {
    const shape = [rows, ...declared.slice(1).map((dimension) => (dimension === -1 ? 1 : dimension))];
    return {
      name,
      datatype,
      shape,
      data: createTensorData(
        datatype,
        shape.reduce((a, b) => a * b),
      ),
    };
  });
}
