import { createHash, type Hash } from 'node:crypto';
import { isSet } from '../data/bitmap.js';
import type { Column } from '../data/column.js';
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
      this.#valid[i]!.update(bytesOf(column));
      const { values } = column;
      if (Array.isArray(values)) {
        addTexts(this.#values[i]!, values);
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

/** A byte per row: 1 where it holds a value. */
function bytesOf({ rows, valid }: Column): Uint8Array {
  const bytes = new Uint8Array(rows).fill(1);
  if (valid !== undefined) for (let row = 0; row < rows; row++) if (!isSet(valid, row)) bytes[row] = 0;
  return bytes;
}

const chunkLength = 65_536;

/** Each text or byte string behind its length; texts in chunks, since a call for each of them costs more than its bytes. */
function addTexts(hash: Hash, values: readonly (string | Uint8Array)[]): void {
  let chunk = '';
  for (const value of values) {
    chunk += `${value.length}:`;
    if (typeof value === 'string') chunk += value;
    else {
      hash.update(chunk).update(value);
      chunk = '';
    }
    if (chunk.length < chunkLength) continue;
    hash.update(chunk);
    chunk = '';
  }
  hash.update(chunk);
}
