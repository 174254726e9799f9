import type { Column } from '../data/column.js';
import type { Field } from '../data/feature-rows.js';
import type { ColumnType } from '../data/types.js';
import { adapterPort } from './port.js';
import { type CallContext } from '../kernel/call.js';

/** SQL text and the values of its named parameters (`dialect.parameter(name)` in the text). */
export interface Statement {
  readonly sql: string;
  readonly parameters?: Readonly<Record<string, string | number | boolean>>;
  /**
   * The columns that the query answers with, where its author knows them. Even an engine that has fewer types than there are column types
   * (no float32, no int32, no vectors) answers in these; a value that does not fit fails the query.
   */
  readonly fields?: readonly Field[];
}

/** Some rows of a result, or of a table to load: one column per field. */
export interface RowBatch {
  readonly fields: readonly Field[];
  readonly columns: readonly Column[];
  readonly rows: number;
}

/** Rows from elsewhere, as an engine takes them in. */
export interface TableRows {
  readonly fields: readonly Field[];
  readonly batches: AsyncIterable<RowBatch> | Iterable<RowBatch>;
}

/**
 * What differs between SQL engines; everything else is written once, by the offline-store plugin, in the SQL that DuckDB and
 * GoogleSQL share. All times are int64 microseconds since the epoch.
 */
export interface Dialect {
  readonly name: string;
  /**
   * The engine runs on many machines and bills what it scans: sources are read once and kept rather than read twice, and a large answer is
   * not sorted where the order is optional.
   */
  readonly remote?: boolean;
  /** Quotes a name: a column. */
  identifier(name: string): string;
  /** Converts a table as a user writes it (a name, or a file such as `flights.parquet`) into what stands after FROM. */
  table(reference: string): string;
  literal(value: string | number | boolean): string;
  /** A placeholder for a named parameter. */
  parameter(name: string): string;
  /** The engine's name for a type, or for the narrowest type that holds its values. */
  type(type: ColumnType): string;
  /** `expression` converted to a type; a value that does not fit fails the query. */
  cast(expression: string, type: ColumnType): string;
  /** An integer or boolean expression as an integer that sums of squares do not overflow, such as HUGEINT. */
  exact(expression: string): string;
  /** A timestamp or date expression in microseconds (a timestamp without zone is UTC). */
  micros(expression: string): string;
  /** `floor(numerator / denominator)` of two int64 expressions, `denominator` positive. */
  floorDivide(numerator: string, denominator: string): string;
  /** The quotient of two float64 expressions; a division by zero does not fail the query. */
  divide(numerator: string, denominator: string): string;
  /** A table expression, as it stands after FROM, of one int64 column `name` from 1 to `to`. */
  series(name: string, to: number): string;
  /**
   * A query: for each row of `left` that has one, the row of `right` with equal keys and the greatest `since` that is at most the left
   * row's `time`. No two rows of `right` have equal keys and equal `since`.
   */
  asOfJoin(join: AsOfJoin): string;
}

export interface AsOfJoin {
  /** Table names, ready for FROM. */
  readonly left: string;
  readonly right: string;
  /** Pairs of column names. */
  readonly keys: readonly { readonly left: string; readonly right: string }[];
  /** int64 column of the left. */
  readonly time: string;
  /** int64 column of the right: the moment from which on a row counts. */
  readonly since: string;
  /** Columns of the left, then of the right, that the query answers with. */
  readonly keep: readonly string[];
  readonly columns: readonly string[];
}

/**
 * A table that is there until it is disposed of: `await using table = await warehouse.keep(…)`.
 *
 * Disposal drops the table, even where the signal that it was made with has aborted; in that case it does not wait for the table to be
 * gone. It never throws, so that it hides no error of its user: a table that could not be dropped is logged. Disposing twice is the same as
 * once.
 *
 * An open table is a call in flight: the warehouse's `stop` waits for it up to the grace period. One that is still open after that is
 * dropped with the part, and disposing of it then does nothing.
 */
export interface TemporaryTable extends AsyncDisposable {
  /** Ready for FROM. */
  readonly name: string;
}

/** An analytical database: SQL in, columns out. */
export interface Warehouse {
  readonly dialect: Dialect;

  /** The columns that a query answers with, without running it. */
  describe(statement: Statement, context: CallContext): Promise<readonly Field[]>;

  /** The bytes that a query would be billed for reading, without running it; absent where reading costs nothing. */
  estimate?(statement: Statement, context: CallContext): Promise<{ readonly bytes: number }>;

  /**
   * Runs a query and streams its rows in order; memory stays bounded, and leaving the loop ends the query.
   *
   * @throws {VivaceError} `NOT_FOUND` for a table or file that is not there, `INVALID_ARGUMENT` for a query the engine refuses,
   *   `RESOURCE_EXHAUSTED` where memory runs out.
   */
  query(statement: Statement, context: CallContext): AsyncIterable<RowBatch>;

  /**
   * Keeps the answer of a query as a temporary table. Every call makes a table of its own; one that fails leaves none.
   *
   * @throws {VivaceError} as `query` does, and `FAILED_PRECONDITION` where there is no place for temporary tables.
   */
  keep(statement: Statement, context: CallContext): Promise<TemporaryTable>;

  /**
   * Loads rows into a temporary table. Every call makes a table of its own; one that fails leaves none.
   *
   * @throws {VivaceError} `FAILED_PRECONDITION` where there is no place for temporary tables, `DATA_LOSS` where not all rows arrived; what
   *   the batches throw is passed on.
   */
  load(rows: TableRows, context: CallContext): Promise<TemporaryTable>;

  /**
   * Writes the answer of a query, or rows from elsewhere, to a local file: `.csv` or `.parquet`.
   *
   * @throws {VivaceError} `UNIMPLEMENTED` for `.parquet` where the engine cannot write it.
   */
  export(source: Statement | TableRows, path: string, context: CallContext): Promise<void>;
}

export const warehouse = adapterPort<Warehouse>(
  'warehouse',
  {
    describe: {},
    estimate: {},
    query: { sync: true },
    keep: { returns: { [Symbol.asyncDispose]: {} } },
    load: { returns: { [Symbol.asyncDispose]: {} } },
    export: {},
  },
  (part, context) => part.describe({ sql: 'SELECT 1 AS one' }, context),
);
