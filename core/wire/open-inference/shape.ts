import { mistake } from './mistake.js';

/** The greatest dimension, number of elements and number of bytes of a tensor: INT_MAX, as implementations of the protocol have it. */
export const largestSize = 2_147_483_647;

/** Other dimensions of a tensor that has none: they cost a caller nothing, and a model might count on them. */
const largestEmpty = 65_536;

/**
 * Checks a shape against the declared one, in which −1 takes any size.
 *
 * @returns The number of elements.
 * @throws {VivaceError} `INVALID_ARGUMENT`.
 */
export function sizeOfShape(given: unknown, declared: readonly number[], path: () => string): number {
  if (!Array.isArray(given)) throw mistake('the shape is missing: a list of dimensions', path());
  if (given.length !== declared.length) throw otherShape(given, declared, path);
  let size = 1;
  let greatest = 0;
  for (let i = 0; i < given.length; i++) {
    const dimension: unknown = given[i];
    if (!Number.isInteger(dimension) || (dimension as number) < 0 || (dimension as number) > largestSize)
      throw mistake(
        `${describe(dimension)} is not a dimension: a whole number from 0 to ${largestSize}`,
        path(),
      );
    if (declared[i] !== -1 && declared[i] !== dimension) throw otherShape(given, declared, path);
    if ((dimension as number) > greatest) greatest = dimension as number;
    // Both factors are below 2^31, so the product is far from losing its magnitude.
    size *= dimension as number;
    if (size > largestSize && !given.includes(0))
      throw mistake(`the shape [${given.join(', ')}] has more than ${largestSize} elements`, path());
    if (size > largestSize) size = 0;
  }
  if (size === 0 && greatest > largestEmpty)
    throw mistake(`a dimension of a tensor without elements is at most ${largestEmpty}`, path());
  return size;
}

function otherShape(given: readonly unknown[], declared: readonly number[], path: () => string): Error {
  const shown = given.slice(0, 20).map(describe).join(', ');
  return mistake(`the shape is [${shown}], but [${declared.join(', ')}] is declared`, path());
}

function describe(dimension: unknown): string {
  if (typeof dimension === 'object')
    return dimension === null ? 'null' : Array.isArray(dimension) ? 'a list' : 'an object';
  return JSON.stringify(dimension).slice(0, 40);
}
