import type { Tensor } from 'vivace';

/** How many values are not a number. Every output of every call is looked through, so this is as fast as it can be. */
export function countNaN(outputs: readonly Tensor[]): number {
  let count = 0;
  for (const { data } of outputs) {
    if (data instanceof Float32Array) count += ofFloat32(data);
    else if (data instanceof Float64Array) count += ofFloat64(data);
  }
  return count;
}

// One function for each type: one for both takes ten times as long.

function ofFloat32(values: Float32Array): number {
  let count = 0;
  // eslint-disable-next-line @typescript-eslint/prefer-for-of -- an iterator takes ten times as long
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) count++;
  return count;
}

function ofFloat64(values: Float64Array): number {
  let count = 0;
  // eslint-disable-next-line @typescript-eslint/prefer-for-of -- an iterator takes ten times as long
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) count++;
  return count;
}
