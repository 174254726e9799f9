import type * as NodeApi from '@duckdb/node-api';
import type { DuckDBDataChunk, DuckDBType, DuckDBValue } from '@duckdb/node-api';
import type { Column } from 'vivace';
import type { VectorMemory } from './vector-memory.js';

/** The SDK as it was loaded. */
export type Sdk = typeof NodeApi;

/** Bits of rows, as columns have them. */
export type Bitmap = NonNullable<Column['valid']>;

/** What columns are written with. */
export interface Engine {
  readonly sdk: Sdk;
  readonly memory: VectorMemory;
}

/** Some rows of a column. */
export interface Stretch {
  readonly column: Column;
  readonly from: number;
  readonly rows: number;
}

/** How a column is handed to the engine: as what it takes fastest, from which SQL makes the column's own type. */
export interface ColumnWriter {
  /** Called for every column before anything else, where it has to know what there will be. */
  look?(column: Column): void;
  /** What is handed over. */
  readonly type: DuckDBType;
  /** A list of what the numbers that are handed over stand for, from 1 on. */
  readonly dictionary?: { readonly value: DuckDBValue; readonly type: DuckDBType } | undefined;
  /** The SQL of the column's type, of that of what was handed over and of the dictionary. */
  readonly as: (given: string, dictionary: string) => string;
  write(chunk: DuckDBDataChunk, index: number, stretch: Stretch): void;
}

/** Says which rows are null, where some are. */
export function writeValid(
  memory: VectorMemory,
  chunk: DuckDBDataChunk,
  index: number,
  { column: { valid }, from, rows }: Stretch,
): void {
  if (valid !== undefined) memory.valid(chunk, index, { valid, from, rows });
}

export const same = (given: string): string => given;
