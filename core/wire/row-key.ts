import { createHash, type Hash } from 'node:crypto';
import { cellAt, type Column } from '../data/column.js';
import { textKey, TextKeys, type TextKey } from '../kernel/text-keys.js';

const longestKey = 200;
/** Characters that a key keeps which is longer than that. */
const kept = 135;
const unreserved = /^[A-Za-z0-9_.~-]*$/;
/** UTF-16 units of a value that is encoded in less time than it takes to find out whether it was encoded before. */
const short = 64;

/**
 * The key of an online row: the view's hash, `:`, and the key values joined by `/`, each percent-encoded (RFC 3986 unreserved
 * characters stay). A key of more than 200 characters keeps its first 135, then `#` and the SHA-256 of the rest in hexadecimal.
 *
 * A value that many rows share is encoded and digested once, however long it is.
 *
 * @param columns One column per key of the entity, in the view's order; integers and timestamps are written in decimal.
 */
export function encodeRowKeys(hash: string, columns: readonly Column[], rows: number): TextKey[] {
  const prefix = `${hash}:`;
  const keys = new Array<TextKey>(rows);
  const encoders = columns.map((column) => keyEncoder(column, columns.length > 1));
  const encodeLast = encoders.pop();
  if (encodeLast === undefined) return keys.fill(textKey(prefix));
  const leading = new Array<string>(encoders.length);
  const long = new LongKeys();
  let begin = prefix;
  for (let row = 0; row < rows; row++) {
    let same = row > 0;
    for (let i = 0; i < encoders.length; i++) {
      const part = encoders[i]!(row);
      if (part === leading[i]) continue;
      leading[i] = part;
      same = false;
    }
    if (!same && encoders.length > 0) begin = `${prefix}${leading.join('/')}/`;
    const end = encodeLast(row);
    // A key of at most 200 characters, which begins with the hash, is a text key as it is; to look at it would copy it.
    keys[row] = (begin.length + end.length > longestKey ? long.shorten(begin, end) : begin + end) as TextKey;
  }
  return keys;
}

/** @param repeats Whether neighbours may well be the same, as they are where a value of the request goes with one of each object. */
function keyEncoder(column: Column, repeats: boolean): (row: number) => string {
  if (column.type.element === 'string' && column.valid === undefined) {
    const values = column.values as string[];
    const encode = textEncoder(repeats);
    return (row) => encode(values[row] as string);
  }
  return (row) => {
    const cell = cellAt(column, row);
    // A lone % occurs in no encoded value, so a null differs from the empty text.
    return cell === null ? '%' : encodeValue(String(cell));
  };
}

/** Encodes a text that comes again only once. */
function textEncoder(repeats: boolean): (value: string) => string {
  let lastValue = '';
  let lastEncoded = '';
  const keys = new TextKeys();
  const encoded = new Map<TextKey, string>();
  return (value) => {
    const isShort = value.length <= short;
    if (isShort && !repeats) return unreserved.test(value) ? value : encodeValue(value);
    if (value === lastValue) return lastEncoded;
    lastValue = value;
    if (isShort) return (lastEncoded = unreserved.test(value) ? value : encodeValue(value));
    const key = keys.of(value);
    const known = encoded.get(key);
    lastEncoded = known ?? encodeValue(value);
    if (known === undefined) encoded.set(key, lastEncoded);
    return lastEncoded;
  };
}

function encodeValue(value: string): string {
  return encodeURIComponent(value.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Shortens keys, of which neighbours often begin or end alike: what they share is digested once. */
class LongKeys {
  #begin = '';
  #beginHash: Hash | undefined;
  #end = '';
  /** Characters of `#end` before the rest → the digest of the rest. */
  readonly #endDigests = new Map<number, string>();

  shorten(begin: string, end: string): string {
    return begin.length < kept
      ? `${begin}${end.slice(0, kept - begin.length)}#${this.#digestOfEnd(end, kept - begin.length)}`
      : `${begin.slice(0, kept)}#${this.#hashOfBegin(begin).copy().update(end).digest('hex')}`;
  }

  #digestOfEnd(end: string, from: number): string {
    if (end !== this.#end) {
      this.#end = end;
      this.#endDigests.clear();
    }
    let digest = this.#endDigests.get(from);
    if (digest === undefined) {
      digest = createHash('sha256').update(end.slice(from)).digest('hex');
      this.#endDigests.set(from, digest);
    }
    return digest;
  }

  #hashOfBegin(begin: string): Hash {
    if (this.#beginHash === undefined || begin !== this.#begin) {
      this.#begin = begin;
      this.#beginHash = createHash('sha256').update(begin.slice(kept));
    }
    return this.#beginHash;
  }
}
