import type { DuckDBVector } from '@duckdb/node-api';
import type { RawVector } from './read-columns.js';

const slots = 4096;

/**
 * Reads VARCHAR vectors. Strings of up to 12 bytes lie inside the vector, 16 bytes each (length, then text): those seen before come
 * from a small table, without being decoded again, which for categories is nearly all.
 */
export class StringReader {
  readonly #words = new Int32Array(slots * 4);
  readonly #strings = new Array<string | undefined>(slots).fill(undefined);

  read(vector: DuckDBVector, { dataView }: RawVector, { to, at }: { to: string[]; at: number }): void {
    const rows = vector.itemCount;
    if (dataView === undefined || dataView.byteOffset % 4 !== 0) {
      for (let row = 0; row < rows; row++) to[at + row] = (vector.getItem(row) as string | null) ?? '';
      return;
    }
    const words = new Int32Array(dataView.buffer, dataView.byteOffset, rows * 4);
    for (let row = 0; row < rows; row++) to[at + row] = this.#string(vector, words, row);
  }

  #string(vector: DuckDBVector, words: Int32Array, row: number): string {
    const length = words[row * 4] as number;
    if (length < 0 || length > 12) return (vector.getItem(row) as string | null) ?? '';
    const first = words[row * 4 + 1] as number;
    const second = words[row * 4 + 2] as number;
    const third = words[row * 4 + 3] as number;
    const mixed = Math.imul(
      first ^ Math.imul(second, 0x85eb_ca6b) ^ Math.imul(third, 0xc2b2_ae35) ^ length,
      0x9e37_79b1,
    );
    const slot = mixed >>> 20;
    const known = this.#words;
    const base = slot * 4;
    const seen = this.#strings[slot];
    if (
      seen !== undefined &&
      known[base] === length &&
      known[base + 1] === first &&
      known[base + 2] === second &&
      known[base + 3] === third
    ) {
      return seen;
    }
    const value = (vector.getItem(row) as string | null) ?? '';
    // A null's words are arbitrary and must not stand for a string later.
    if (vector.getItem(row) === null) return value;
    known[base] = length;
    known[base + 1] = first;
    known[base + 2] = second;
    known[base + 3] = third;
    this.#strings[slot] = value;
    return value;
  }
}
