import type { Tensor } from '../data/tensor.js';
import type { Signature } from '../models/bundle.js';
import type { ModelRow } from './model-rows.js';

/** The signature of a small model: y = x[0] + 2 · x[1]; where it is picky, it throws if some x[0] is below −1. */
export const affineSignature: Signature = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2], columns: ['a', 'b'] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
  over: 'row',
};

/** Rows of the affine model with what it must give, NaN and infinities among them. */
export const affineRows: readonly ModelRow[] = [
  [1, 2],
  [3, 4],
  [7, 1],
  [0, 0.5],
  [NaN, 1],
  [Infinity, 1],
  [0, -Infinity],
].map(([a, b]) => ({
  inputs: { x: [a as number, b as number] },
  outputs: { y: (a as number) + 2 * (b as number) },
}));

/** Inputs on which the picky model throws. */
export const pickyRow: ModelRow['inputs'] = { x: [-5, 0] };

/** The input of `affineSignature` for some rows. */
export function affineInput(...rows: readonly (readonly [number, number])[]): Tensor[] {
  return [{ name: 'x', datatype: 'FP32', shape: [rows.length, 2], data: Float32Array.from(rows.flat()) }];
}
