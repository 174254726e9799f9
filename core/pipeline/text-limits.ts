import { isValid, type Column } from '../data/column.js';

/** The most UTF-16 units of a text that tells rows apart: a key, or a part of one. */
export const longestKeyText = 1024;

/** The most UTF-16 units of any other text of a request, where its field says nothing else. */
export const longestText = 65_536;

/** The first row of a column that holds a text, or one within its list or vector, of more than `maxLength` UTF-16 units. */
export function longTextIn(
  column: Column,
  maxLength: number,
): { readonly row: number; readonly length: number } | undefined {
  const { type, rows, offsets } = column;
  if (type.element !== 'string') return undefined;
  const texts = column.values as string[];
  const { width } = type;
  const end = offsets === undefined ? rows * width : (offsets[rows] as number);
  for (let at = 0; at < end; at++) {
    const { length } = texts[at] as string;
    if (length <= maxLength) continue;
    const row = offsets === undefined ? Math.floor(at / width) : offsets.findIndex((next) => next > at) - 1;
    if (isValid(column, row)) return { row, length };
  }
  return undefined;
}
