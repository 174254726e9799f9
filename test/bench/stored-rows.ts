import { open, type RootDatabase } from 'lmdb';
import type { FeatureView } from 'vivace';
import { slotsAt } from './stored-floats.js';

/** Reads a bench view's rows as they lie in LMDB: cells of four bytes in the order of their names, float32 or int32. */
export class StoredRows {
  readonly #database: RootDatabase<Uint8Array, string>;
  readonly #hash: string;
  readonly #cells: readonly { readonly at: number; readonly isInteger: boolean }[];
  #bytes: ArrayBufferLike | undefined;
  #view!: DataView;

  constructor(database: RootDatabase<Uint8Array, string>, { hash, features }: FeatureView) {
    this.#database = database;
    this.#hash = hash;
    const names = features.map(({ name }) => name).sort();
    this.#cells = features.map(({ name, type }) => ({
      at: slotsAt + 4 * names.indexOf(name),
      isInteger: type.element === 'int32',
    }));
  }

  /** Puts the features of one row, in the view's order, from `at` on. */
  read(key: string, into: Float32Array, at: number): void {
    const found = this.#database.getBinaryFast(`${this.#hash}:${key}`);
    if (found === undefined) throw new Error(`there is no row ${key}`);
    if (found.buffer !== this.#bytes) {
      this.#bytes = found.buffer;
      this.#view = new DataView(found.buffer);
    }
    const view = this.#view;
    const base = found.byteOffset;
    const cells = this.#cells;
    for (let i = 0; i < cells.length; i++) {
      const cell = cells[i]!;
      into[at + i] = cell.isInteger
        ? view.getInt32(base + cell.at, true)
        : view.getFloat32(base + cell.at, true);
    }
  }
}

/** Opens the store of the bench for reading, as a program without Vivace would. */
export function openRows(path: string): RootDatabase<Uint8Array, string> {
  return open<Uint8Array, string>({ path, encoding: 'binary', readOnly: true, noSubdir: false });
}
