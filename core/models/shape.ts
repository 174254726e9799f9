import type { TensorSpec } from './bundle.js';

type Shaped = Pick<TensorSpec, 'shape'>;

/** Values of one row of a tensor; −1 where a dimension besides the row may vary. */
export function rowWidth({ shape }: Shaped): number {
  const inner = shape.slice(1);
  return inner.some((size) => size < 0) ? -1 : inner.reduce((product, size) => product * size, 1);
}

/** A shape as people read it, `[N, 4]`: N is a dimension that may vary. */
export function shapeText({ shape }: Shaped): string {
  return `[${shape.map((size) => (size === -1 ? 'N' : size)).join(', ')}]`;
}
