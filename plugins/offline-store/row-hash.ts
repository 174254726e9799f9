import { cellAt, isValid, type Column, type RowBatch } from 'vivace';

const one = new Float64Array(1);
const words = new Int32Array(one.buffer);

/**
 * A 32-bit hash per row, of its values alone: the same on every engine and machine. MurmurHash3 over 32-bit words: characters of
 * strings, low and high words of numbers; an int32 counts as an int64.
 *
 * @see https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp
 */
export function hashRows({ columns, rows }: Pick<RowBatch, 'columns' | 'rows'>): Uint32Array {
  const hashes = new Int32Array(rows);
  for (const column of columns) {
    const next = cellHash(column);
    const { valid } = column;
    for (let row = 0; row < rows; row++) {
      const hash = hashes[row] as number;
      hashes[row] = valid === undefined || isValid(column, row) ? next(hash, row) : step(hash, 0x7fff_ffff);
    }
  }
  return Uint32Array.from(hashes, finish);
}

/** Hashes one cell of a column into the hash of its row. */
function cellHash(column: Column): (hash: number, row: number) => number {
  const { values, type } = column;
  if (type.kind !== 'scalar' || type.element === 'bytes') {
    return (hash, row) => hashText(hash, String(cellAt(column, row)));
  }
  if (type.element === 'string') return (hash, row) => hashText(hash, (values as string[])[row] as string);
  if (type.element === 'int32' || type.element === 'bool') {
    return (hash, row) => {
      const value = values[row] as number;
      return step(step(hash, value), value < 0 ? -1 : 0);
    };
  }
  if (values instanceof BigInt64Array) {
    const halves = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
    return (hash, row) => step(step(hash, halves[row * 2] as number), halves[row * 2 + 1] as number);
  }
  const numbers = values as Float64Array;
  return (hash, row) => {
    // Plus 0, so that −0 counts as 0.
    one[0] = (numbers[row] as number) + 0;
    return step(step(hash, words[0] as number), words[1] as number);
  };
}

function hashText(hash: number, text: string): number {
  let at = step(hash, text.length);
  for (let i = 0; i < text.length; i++) at = step(at, text.charCodeAt(i));
  return at;
}

function step(hash: number, word: number): number {
  const scrambled = Math.imul(rotate(Math.imul(word, 0xcc9e_2d51), 15), 0x1b87_3593);
  return Math.imul(rotate(hash ^ scrambled, 13), 5) + 0xe654_6b64;
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return mixed ^ (mixed >>> 16);
}
