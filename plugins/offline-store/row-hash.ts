import { cellAt, isValid, type Column, type RowBatch } from 'vivace';

const seed = 0x811c_9dc5;
const prime = 0x0100_0193;
const halves = new Float64Array(1);
const words = new Int32Array(halves.buffer);

/**
 * A 32-bit hash per row, of its values alone: the same on every engine and machine. FNV-1a over 32-bit words (characters of strings,
 * low and high words of numbers; an int32 counts as an int64), mixed at the end.
 *
 * @see http://www.isthe.com/chongo/tech/comp/fnv/
 */
export function hashRows({ columns, rows }: Pick<RowBatch, 'columns' | 'rows'>): Uint32Array {
  const hashes = new Uint32Array(rows).fill(seed);
  for (const column of columns) {
    for (let row = 0; row < rows; row++) hashes[row] = hashCell(hashes[row] as number, column, row);
  }
  for (let row = 0; row < rows; row++) hashes[row] = mix(hashes[row] as number);
  return hashes;
}

function hashCell(hash: number, column: Column, row: number): number {
  if (!isValid(column, row)) return step(hash, 0x7fff_ffff);
  const { values, type } = column;
  if (type.kind !== 'scalar' || type.element === 'bytes') return hashText(hash, String(cellAt(column, row)));
  if (type.element === 'string') return hashText(hash, values[row] as string);
  if (values instanceof BigInt64Array) {
    const value = values[row] as bigint;
    return step(step(hash, Number(BigInt.asIntN(32, value))), Number(BigInt.asIntN(32, value >> 32n)));
  }
  const value = values[row] as number;
  if (type.element === 'int32' || type.element === 'bool') return step(step(hash, value), value < 0 ? -1 : 0);
  halves[0] = value + 0;
  return step(step(hash, words[0] as number), words[1] as number);
}

function hashText(hash: number, text: string): number {
  let at = step(hash, text.length);
  for (let i = 0; i < text.length; i++) at = step(at, text.charCodeAt(i));
  return at;
}

function step(hash: number, word: number): number {
  return Math.imul(hash ^ word, prime);
}

/** The finalizer of MurmurHash3: FNV alone leaves the low bits poorly mixed. */
function mix(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return mixed ^ (mixed >>> 16);
}
