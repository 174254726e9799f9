import type { Column } from '../data/column.js';
import type { Field } from '../data/feature-rows.js';
import type { ScalarType } from '../data/types.js';
import { driverPort, type CallContext } from './port.js';

/** SQL text and the values of its named parameters (`dialect.parameter(name)` in the text). */
export interface Statement {
  readonly sql: string;
  readonly parameters?: Readonly<Record<string, string | number | boolean>>;
}

/** Some rows of a result, or of a table to load: one column per field. */
export interface RowBatch {
  readonly fields: readonly Field[];
  readonly columns: readonly Column[];
  readonly rows: number;
}

/** What differs between SQL engines; everything else is written once, by the offline-store plugin. All times are microseconds. */
export interface Dialect {
  readonly name: string;
  /** Quotes a name: a column. */
  identifier(name: string): string;
  /** A table as a user writes it (a name, a file such as `flights.parquet`) as it stands after FROM. */
  table(reference: string): string;
  literal(value: string | number | boolean): string;
  /** A placeholder for a named parameter. */
  parameter(name: string): string;
  /** The engine's name of a type. */
  type(element: ScalarType): string;
  /** `expression` converted to a type. */
  cast(expression: string, element: ScalarType): string;
  /** A timestamp or date expression as int64 microseconds since the epoch (a timestamp without zone is UTC). */
  micros(expression: string): string;
  /** `floor(numerator / denominator)` of two int64 expressions, `denominator` positive. */
  floorDivide(numerator: string, denominator: string): string;
  /** A table expression of one int64 column `name` from 1 to `to`. */
  series(name: string, to: number): string;
  /**
   * A query: every column of `left`, and of the one row of `right` with equal keys, and `right.available <= left.time`, the
   * greatest by (event time, available time, then `right.tie` if given), or nulls. `columns` are those taken from the right.
   */
  asOfJoin(join: AsOfJoin): string;
}

export interface AsOfJoin {
  /** A table name. */
  readonly left: string;
  /** A table name. */
  readonly right: string;
  readonly keys: readonly { readonly left: string; readonly right: string }[];
  /** int64 column of the left: request time. */
  readonly time: string;
  /** int64 columns of the right. */
  readonly eventTime: string;
  readonly availableTime: string;
  readonly columns: readonly string[];
  /** Columns of the left to keep. */
  readonly keep: readonly string[];
}

/** An analytical database: SQL in, columns out. */
export interface Warehouse {
  readonly dialect: Dialect;

  /** The columns that a query answers with, without running it. */
  describe(statement: Statement, context: CallContext): Promise<readonly Field[]>;

  /** Runs a query and streams its rows in order; memory stays bounded, and leaving the loop ends the query. */
  query(statement: Statement, context: CallContext): AsyncIterable<RowBatch>;

  /** Keeps the answer of a query as a temporary table while `use` runs. @param use gets the table's name, ready for FROM. */
  withQuery<T>(statement: Statement, use: (table: string) => Promise<T>, context: CallContext): Promise<T>;

  /** Loads rows into a temporary table while `use` runs. */
  withTable<T>(
    rows: { readonly fields: readonly Field[]; readonly batches: AsyncIterable<RowBatch> | Iterable<RowBatch> },
    use: (table: string) => Promise<T>,
    context: CallContext,
  ): Promise<T>;

  /** Writes the answer of a query to a file: `.parquet` or `.csv`. */
  export(statement: Statement, path: string, context: CallContext): Promise<void>;
}

export const warehouse = driverPort<Warehouse>('warehouse', {
  describe: {},
  query: {},
  withQuery: {},
  withTable: {},
  export: {},
});
