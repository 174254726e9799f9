import type { DuckDBDataChunk } from '@duckdb/node-api';
import { createRequire } from 'node:module';
import type { Bitmap } from './column-writer.js';

/** What is used of the package under the SDK. Its vectors are handles. */
interface Bindings {
  data_chunk_get_vector(chunk: object, index: number): object;
  copy_data_to_vector(vector: object, at: number, from: ArrayBufferLike, start: number, bytes: number): void;
  copy_data_to_vector_validity(
    vector: object,
    at: number,
    from: ArrayBufferLike,
    start: number,
    bytes: number,
  ): void;
  vector_ensure_validity_writable(vector: object): void;
  vector_assign_string_element(vector: object, index: number, text: string): void;
}

/** Writes to the vectors of a chunk: the SDK's own classes make objects and copies of each, which takes longer than all else. */
export class VectorMemory {
  readonly #bindings: Bindings;

  constructor() {
    // It belongs to the SDK, from where it is found however packages are laid out.
    const sdk = createRequire(import.meta.url).resolve('@duckdb/node-api');
    this.#bindings = createRequire(sdk)('@duckdb/node-bindings') as Bindings;
  }

  numbers(chunk: DuckDBDataChunk, index: number, { buffer, byteOffset, byteLength }: ArrayBufferView): void {
    const vector = this.#vector(chunk, index);
    // The engine does not take memory that threads share.
    if (buffer instanceof SharedArrayBuffer) {
      const copy = new Uint8Array(buffer, byteOffset, byteLength).slice();
      this.#bindings.copy_data_to_vector(vector, 0, copy.buffer, 0, byteLength);
    } else this.#bindings.copy_data_to_vector(vector, 0, buffer, byteOffset, byteLength);
  }

  /** @param from Where a byte of the bitmap begins. */
  valid(
    chunk: DuckDBDataChunk,
    index: number,
    { valid, from, rows }: { readonly valid: Bitmap; readonly from: number; readonly rows: number },
  ): void {
    const vector = this.#vector(chunk, index);
    const bytes = Math.ceil(rows / 8);
    this.#bindings.vector_ensure_validity_writable(vector);
    this.#bindings.copy_data_to_vector_validity(vector, 0, valid.buffer, valid.byteOffset + from / 8, bytes);
  }

  texts(chunk: DuckDBDataChunk, index: number, texts: readonly string[]): void {
    const vector = this.#vector(chunk, index);
    for (let row = 0; row < texts.length; row++)
      this.#bindings.vector_assign_string_element(vector, row, texts[row]!);
  }

  #vector(chunk: DuckDBDataChunk, index: number): object {
    return this.#bindings.data_chunk_get_vector(chunk.chunk, index);
  }
}
