import { createHash, type Hash } from 'node:crypto';
import { isValid, type Column } from '../data/column.js';
import type { Field } from '../data/feature-rows.js';

/**
 * A digest of rows that does not depend on how they were cut into blocks: per column a SHA-256 over one byte per row (1 = a value) and
 * over the values, then one over the columns' names, types and digests.
 */
export class RowsDigest {
  readonly #fields: readonly Field[];
  readonly #valid: readonly Hash[];
  readonly #values: readonly Hash[];

  constructor(fields: readonly Field[]) {
    this.#fields = fields;
    this.#valid = fields.map(() => createHash('sha256'));
    this.#values = fields.map(() => createHash('sha256'));
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
          this.#values[i]!.update(`${column.offsets[row + 1]! - column.offsets[row]!},`);
      }
    });
  }

  /** Hexadecimal. */
  finish(): string {
    const all = createHash('sha256');
    this.#fields.forEach(({ name, type }, i) => {
      all.update(`${name} ${type.name} ${this.#valid[i]!.digest('hex')} ${this.#values[i]!.digest('hex')}\n`);
    });
    return all.digest('hex');
  }
}
