import { isValid, type Column, type Values } from '../data/column.js';

type CellPlace = readonly [column: Column, row: number];

/** Whether two cells of one type are stored as the same bytes. */
export function isSameCell([a, i]: CellPlace, [b, k]: CellPlace): boolean {
  if (isValid(a, i) !== isValid(b, k)) return false;
  if (!isValid(a, i)) return true;
  const [fromA, lengthA] = stretch(a, i);
  const [fromB, lengthB] = stretch(b, k);
  if (lengthA !== lengthB) return false;
  for (let at = 0; at < lengthA; at++)
    if (!isSameElement(element(a.values, fromA + at), element(b.values, fromB + at))) return false;
  return true;
}

function stretch({ type, offsets }: Column, row: number): readonly [from: number, length: number] {
  if (offsets === undefined) return [row * type.width, type.width];
  const from = offsets[row] as number;
  return [from, (offsets[row + 1] as number) - from];
}

function element(values: Values, at: number): unknown {
  return values[at];
}

function isSameElement(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array)
    return a.length === b.length && a.every((byte, i) => byte === b[i]);
  return Object.is(a, b);
}
