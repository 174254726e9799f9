import type { Field } from 'vivace';

/** Bytes of a stored row before its cells, for up to 64 features: docs/row-format.md. */
export const slotsAt = 32;

/** Reads rows of float32 features as they are stored, by hand: cells of four bytes in the order of their names. */
export class StoredFloats {
  readonly #places: readonly number[];

  constructor(features: readonly Field[]) {
    const names = features.map(({ name }) => name).sort();
    this.#places = features.map(({ name }) => slotsAt + 4 * names.indexOf(name));
  }

  /** @returns One column per feature, in the view's order. */
  decode(rows: readonly Buffer[]): Float32Array[] {
    const places = this.#places;
    const columns = places.map(() => new Float32Array(rows.length));
    for (let row = 0; row < rows.length; row++) {
      const { buffer, byteOffset, byteLength } = rows[row] as Buffer;
      const view = new DataView(buffer, byteOffset, byteLength);
      for (let i = 0; i < places.length; i++) columns[i]![row] = view.getFloat32(places[i] as number, true);
    }
    return columns;
  }
}
