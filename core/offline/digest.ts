import { createHash, type Hash } from 'node:crypto';
import { isValid, type Column } from '../data/column.js';
import type { Field } from '../data/feature-rows.js';

/**
 * A digest of rows that does not depend on how they were cut into blocks: per column, a SHA-256 over one byte per row (1 = a value) and
 * over the values (for lists, one more over their lengths); then one over the columns' names, types and digests.
 */
export class RowsDigest {
  readonly #fields: readonly Field[];
  readonly #valid: readonly Hash[];
  readonly #values: readonly Hash[];
  readonly #lengths: readonly Hash[];

  constructor(fields: readonly Field[]) {
    this.#fields = fields;
    this.#valid = fields.map(() => createHash('sha256'));
    this.#values = fields.map(() => createHash('sha256'));
    this.#lengths = fields.map(() => createHash('sha256'));
  }

  add(columns: readonly Column[]): void {
    columns.forEach((column, i) => {
      this.#valid[i]!.update(
        Uint8Array.from({ length: column.rows }, (_, row) => (isValid(column, row) ? 1 : 0)),
      );
      const { values } = column;
      if (Array.isArray(values)) {
        for (const value of values) this.#values[i]!.update(`${value.length}:`).update(value);
      } else {
        this.#values[i]!.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      }
      if (column.offsets !== undefined) {
        for (let row = 0; row < column.rows; row++)
          this.#lengths[i]!.update(`${column.offsets[row + 1]! - column.offsets[row]!},`);
      }
    });
  }

  /** Hexadecimal. */
  finish(): string {
    const all = createHash('sha256');
    this.#fields.forEach(({ name, type }, i) => {
      const digests =
        type.kind === 'list' ? [this.#valid, this.#values, this.#lengths] : [this.#valid, this.#values];
      all.update(`${name} ${type.name} ${digests.map((hashes) => hashes[i]!.digest('hex')).join(' ')}\n`);
    });
    return all.digest('hex');
  }
}
