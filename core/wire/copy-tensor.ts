import type { Tensor, TensorData } from '../data/tensor.js';

/** A copy of a tensor in memory of its own: later changes to the original do not show in it. */
export function copyTensor({ name, datatype, shape, data }: Tensor): Tensor {
  return { name, datatype, shape: [...shape], data: copyData(data) };
}

/**
 * A copy of data in memory of its own, which is not larger than the data, is not shared and can be transferred; byte strings are copied
 * too.
 */
export function copyData<D extends TensorData>(data: D): D {
  return copyOf(data) as D;
}

function copyOf(data: TensorData): TensorData {
  if (Array.isArray(data)) return data.map((value) => (typeof value === 'string' ? value : copyBytes(value)));
  return data instanceof Uint8Array ? copyBytes(data) : data.slice();
}

/** A `Buffer` is a Uint8Array whose `slice` is a view. */
function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
