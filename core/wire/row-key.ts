import { createHash } from 'node:crypto';
import { cellAt, type Column } from '../data/column.js';

const longestKey = 200;
const unreserved = /^[A-Za-z0-9_.~-]*$/;

/**
 * The key of an online row: the view's hash, `:`, and the key values joined by `/`, each percent-encoded (RFC 3986 unreserved
 * characters stay). A key of more than 200 characters keeps its first 135, then `#` and the SHA-256 of the rest in hexadecimal.
 *
 * @param columns One column per key of the entity, in the view's order; integers and timestamps are written in decimal.
 */
export function encodeRowKeys(hash: string, columns: readonly Column[], rows: number): string[] {
  const prefix = `${hash}:`;
  const keys = new Array<string>(rows);
  const [first, ...rest] = columns;
  if (first === undefined) return keys.fill(prefix);
  const encoders = rest.map(keyEncoder);
  const encodeFirst = keyEncoder(first);
  for (let row = 0; row < rows; row++) {
    let key = prefix + encodeFirst(row);
    for (const encode of encoders) key += '/' + encode(row);
    keys[row] = key.length > longestKey ? shorten(key) : key;
  }
  return keys;
}

function keyEncoder(column: Column): (row: number) => string {
  if (column.type.element === 'string' && column.valid === undefined) {
    const values = column.values as string[];
    return (row) => {
      const value = values[row] as string;
      return unreserved.test(value) ? value : encodeValue(value);
    };
  }
  return (row) => {
    const cell = cellAt(column, row);
    // A lone % occurs in no encoded value, so a null differs from the empty text.
    return cell === null ? '%' : encodeValue(String(cell));
  };
}

function encodeValue(value: string): string {
  return encodeURIComponent(value.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function shorten(key: string): string {
  const kept = key.slice(0, 135);
  return `${kept}#${createHash('sha256').update(key.slice(135)).digest('hex')}`;
}
