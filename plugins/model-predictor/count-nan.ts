import type { Tensor } from 'vivace';

/** How many values are not a number. Every output of every call is looked through, so this is as fast as it can be. */
export function countNaN(outputs: readonly Tensor[]): number {
  let count = 0;
  for (const { data } of outputs) {
    if (data instanceof Float32Array) count += mayHaveNaN32(data) ? countIn(data) : 0;
    else if (data instanceof Float64Array) count += mayHaveNaN64(data) ? countIn(data) : 0;
  }
  return count;
}

// A sum with a NaN is NaN; so is one of infinities of both signs, hence "may". Four sums do not wait for one another. One function for
// each type: one for both takes several times as long.

function mayHaveNaN32(values: Float32Array): boolean {
  const fours = values.length & ~3;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0; i < fours; i += 4) {
    a += values[i]!;
    b += values[i + 1]!;
    c += values[i + 2]!;
    d += values[i + 3]!;
  }
  for (let i = fours; i < values.length; i++) a += values[i]!;
  return Number.isNaN(a + b + c + d);
}

function mayHaveNaN64(values: Float64Array): boolean {
  const fours = values.length & ~3;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0; i < fours; i += 4) {
    a += values[i]!;
    b += values[i + 1]!;
    c += values[i + 2]!;
    d += values[i + 3]!;
  }
  for (let i = fours; i < values.length; i++) a += values[i]!;
  return Number.isNaN(a + b + c + d);
}

function countIn(values: Float32Array | Float64Array): number {
  let count = 0;
  for (const value of values) if (Number.isNaN(value)) count++;
  return count;
}
