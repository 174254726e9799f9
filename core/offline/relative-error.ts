import { isDeepStrictEqual } from 'node:util';
import type { Cell } from '../data/column.js';

/**
 * How far a value is from another, relative to the greater of the two: 0 where they are equal, NaN to NaN included, and infinite where one is null or they
 * are not numbers. Of vectors and lists of one length, the greatest one of their elements.
 */
export function relativeError(a: Cell, b: Cell): number {
  if (a === b || (typeof a === 'number' && typeof b === 'number' && Object.is(a, b))) return 0;
  if (typeof a === 'number' && typeof b === 'number') return between(a, b);
  if (typeof a === 'bigint' && typeof b === 'bigint') return between(Number(a), Number(b)) || Number.EPSILON;
  if (isList(a) && isList(b) && a.length === b.length)
    return Array.from(a, (one, i) => relativeError(one, b[i]!)).reduce((x, y) => Math.max(x, y), 0);
  return isDeepStrictEqual(a, b) ? 0 : Infinity;
}

function between(a: number, b: number): number {
  const difference = Math.abs(a - b);
  return Number.isFinite(difference)
    ? difference / Math.max(Math.abs(a), Math.abs(b), Number.MIN_VALUE)
    : Infinity;
}

function isList(cell: Cell): cell is Extract<Cell, ArrayLike<Cell>> & ArrayLike<Cell> {
  return typeof cell === 'object' && cell !== null;
}
