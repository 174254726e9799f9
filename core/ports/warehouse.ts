import type { Column } from '../data/column.js';
import type { Field } from '../data/feature-rows.js';
import type { ColumnType } from '../data/types.js';
import type { FloatSyntax } from '../expressions/sql.js';
import { type CallContext } from '../kernel/call.js';
import { VivaceError } from '../kernel/errors.js';
import { adapterPort, type CallersOwn } from './port.js';

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

/** A column of a table, a file or a query, as the engine has it. */
export interface DescribedColumn {
  readonly name: string;
  /** The type of the column that carries it; absent where no column type can hold its values, such as those of a structure. */
  readonly type?: ColumnType;
  /** The engine's own name of its type, for messages. */
  readonly nativeType: string;
}

/**
 * Described columns as fields.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` for a column of a type that no column carries.
 */
export function carriedFields(columns: readonly DescribedColumn[]): Field[] {
  return columns.map(({ name, type, nativeType }) => {
    if (type !== undefined) return { name, type };
    throw new VivaceError(
      'INVALID_ARGUMENT',
      `column "${name}" is ${nativeType}, which no column type can hold: cast it in the query`,
    );
  });
}

/** A column that a query will use of a table or file. */
export interface WantedColumn {
  readonly name: string;
  /** The type that a view or a spine declares, or that its role implies; absent where nothing says it. */
  readonly type?: ColumnType;
}

/** A table or file, ready to be queried. */
export interface Source {
  /** What stands after FROM. */
  readonly from: string;
  /** All its columns, as `from` gives them. */
  readonly columns: readonly DescribedColumn[];
  /** Its rows are checked only as they are read, such as those of a CSV file: any of them may turn out broken. */
  readonly unchecked?: boolean;
}

/** Rows from elsewhere, as an engine takes them in. */
export interface TableRows {
  readonly fields: readonly Field[];
  readonly batches: AsyncIterable<RowBatch> | Iterable<RowBatch>;
}

/** Rows whose batches run during a call, for the table of a port. */
export function callersRows({ fields, batches }: TableRows, own: CallersOwn): TableRows {
  return { fields, batches: own.iterable(batches) };
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
  /** Quotes the name of a table as a user writes it, `schema.table` included. Files are read through `Warehouse.source`. */
  table(name: string): string;
  literal(value: string | number | boolean): string;
  /** A placeholder for a named parameter. */
  parameter(name: string): string;
  /** The engine's name for a type, or for the narrowest type that holds its values. */
  type(type: ColumnType): string;
  /** `expression` converted to a type; a value that does not fit fails the query or, with `attempt`, is null. */
  cast(expression: string, type: ColumnType, options?: ConvertOptions): string;
  /**
   * A text converted to a type: numbers, booleans and times as they are written. A time without zone is UTC, one with a zone keeps its
   * instant. A text that is not one of the type fails the query or, with `attempt`, is null.
   */
  fromText(text: string, type: ColumnType, options?: ConvertOptions): string;
  /** A text converted to an exact number with a fraction, such as DECIMAL(38, 10), in which every int64 is exact. */
  decimal(text: string, options?: ConvertOptions): string;
  /** An expression that fails the query with a message as soon as it is evaluated; it stands where any type is wanted. */
  fail(message: string): string;
  /** An integer or boolean expression as an integer that sums of squares do not overflow, such as HUGEINT. */
  exact(expression: string): string;
  /** A timestamp or date expression in microseconds (a timestamp without zone is UTC); null for an infinite one. */
  micros(expression: string): string;
  /** `floor(numerator / denominator)` of two int64 expressions, `denominator` positive. */
  floorDivide(numerator: string, denominator: string): string;
  /** The quotient of two float64 expressions; a division by zero does not fail the query. */
  divide(numerator: string, denominator: string): string;
  /** The arithmetic of derived columns. */
  readonly floats: FloatSyntax;
  /**
   * An aggregate: the sum of a float64 expression; null where it has no value. Where the engine has integers of 128 bits, equal rows have a sum of equal
   * bits, whatever their order and however many threads there are.
   *
   * @param scale A column of what `totalScale` gave.
   */
  total(expression: string, scale?: string): string;
  /**
   * An expression with which `total` costs less. Absent where it would not.
   *
   * @param greatest An expression of the greatest absolute value of those that are summed, or up to a million times as much.
   */
  totalScale?(greatest: string): string;
  /**
   * An aggregate: the sum of the squares of what the values of a float64 expression are away from their mean; null where there is none. Not a
   * difference of two sums of squares. Equal rows as for `total`.
   */
  squaredDeviations(expression: string): string;
  /**
   * A number from 0 to 2^31 − 1 that is the same for equal values of the expressions, which are of any type, as long as the engine is of the
   * same version. Absent where reading the columns is billed.
   */
  rowHash?(expressions: readonly string[]): string;
  /** Whether a list or a vector has a null inside; not true for one that is null itself. */
  hasNull(expression: string): string;
  /**
   * An aggregate: the value of `expression` in the first or the last row in an order, of those where it is not null; null where there is none.
   *
   * @param expression Of a scalar type; no float of it is NaN, unless `order` says where that belongs.
   */
  pick(expression: string, place: PickedRow): string;
  /**
   * An aggregate: a list of different values of an expression of a scalar type: all of them or, where there are more, any `most`. A null is one of them;
   * floats that are equal are one value, and so is NaN.
   */
  distinct(expression: string, most: number): string;
  /**
   * What stands behind WITH: `name` is a query whose rows have a number of their own, the same wherever the statement uses it. Absent where one machine
   * would have to number them.
   */
  numbered?(name: string, query: string, column: string): string;
  /** A list without its nulls. */
  withoutNulls(list: string): string;
  /** A query: each row of a table as often as its list has items, with the item beside it. */
  unnest(rows: ListRows): string;
  /**
   * A query: for each row of `left` that has one, the row of `right` with equal keys and the greatest `since` that is at most the left
   * row's `time`. No two rows of `right` have equal keys and equal `since`.
   */
  asOfJoin(join: AsOfJoin): string;
}

/** How a value is treated that cannot be converted. */
export interface ConvertOptions {
  /** Such a value is null, instead of failing the query; default false. */
  readonly attempt?: boolean;
}

/** Which row an aggregate takes. */
export interface PickedRow {
  /** Expressions that are not null where the value is not. */
  readonly order: readonly string[];
  readonly end: 'first' | 'last';
}

/** Rows that have lists. */
export interface ListRows {
  /** A table name, ready for FROM. */
  readonly from: string;
  /** Column of the lists; of a null as of an empty one there is no row. */
  readonly list: string;
  /** What the items are called in the answer. */
  readonly item: string;
  /** Other columns that the query answers with. */
  readonly keep: readonly string[];
}

/** Two tables, and what is joined of them. */
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

/** The rows of some days. */
export interface DaysOfRows {
  /** Days since 1970, each once. */
  readonly days: readonly number[];
  /** Its int64 column `kept_day` says of which of `days` a row is. A day may have no rows. The other columns are the same in every call for one set. */
  readonly statement: Statement;
}

/** An analytical database: SQL in, columns out. */
export interface Warehouse {
  readonly dialect: Dialect;

  /** The columns that a query answers with, without running it. */
  describe(statement: Statement, context: CallContext): Promise<readonly DescribedColumn[]>;

  /**
   * Looks up a table, or where the warehouse reads files, a file or a pattern of files: the only way to read either.
   *
   * A reader of files that have no types of their own (CSV, JSON) guesses no column of which `wanted` says the type: it gives that column as
   * the text that stands in the file, for `Dialect.fromText` to convert. A column without such a type gets the one that all its values
   * have, in the whole file; numbers that a float64 would round are text. Of several files a column is as wide as the widest of them, and
   * null where a file lacks it.
   *
   * @param reference As a user writes it: `shop.sales`, `flights.parquet`, `sales/*.csv`.
   * @param wanted The columns that will be used. One that is not there is not an error: `columns` does not have it.
   * @throws {VivaceError} `NOT_FOUND` where there is no such table or file, `INVALID_ARGUMENT` for a file that cannot be read.
   */
  source(reference: string, wanted: readonly WantedColumn[], context: CallContext): Promise<Source>;

  /** The bytes that a query would be billed for reading, without running it; absent where reading costs nothing. */
  estimate?(statement: Statement, context: CallContext): Promise<{ readonly bytes: number }>;

  /**
   * Runs a query and streams its rows in order; memory stays bounded, and leaving the loop ends the query.
   *
   * A number that its column cannot hold exactly (an int64 or decimal of too many digits) fails the query: it is never rounded. A
   * timestamp that is infinite, or outside the years 0000 to 9999, is null.
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
   * Replaces the rows of some days of a set of rows that stays, each day at once: a reader, or a run after a kill, finds the old rows of a
   * day or the new ones. Days are written in their order, so that a kill leaves none behind one that is missing. Where two calls replace
   * the same days, the rows of either may be there. Integers stay exact, however many digits they have; other values keep their bits. Absent
   * together with `keptDays` where nothing can be kept.
   *
   * @param name Of the set: 1 to 100 of `a` to `z`, digits, `_` and `-`; a set is there from its first day on.
   * @throws {VivaceError} as `query` does, and `INVALID_ARGUMENT` for another name.
   */
  keepDays?(name: string, rows: DaysOfRows, context: CallContext): Promise<void>;

  /**
   * What stands after FROM, before an alias, for the days of a set that were kept; `undefined` where there are none. The answer is good for
   * queries that follow at once.
   *
   * @param days First and last, inclusive; default: all.
   */
  keptDays?(
    name: string,
    days: { readonly first?: number; readonly last?: number },
    context: CallContext,
  ): Promise<string | undefined>;

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

  /**
   * Makes the bytes of a file of rows, such as Parquet. The event loop never stands for longer than one batch of the rows takes.
   *
   * Parquet has no vectors: they come back as lists.
   */
  encode?(rows: TableRows, format: FileFormat, context: CallContext): Promise<Uint8Array>;

  /**
   * Reads rows back from the bytes that `encode` made, here or elsewhere.
   *
   * @param columns The names of those to read; default: all. One that the file lacks is left out.
   * @throws {VivaceError} `DATA_LOSS` for bytes that are not such a file.
   */
  decode?(
    content: Uint8Array,
    format: FileFormat,
    context: CallContext,
    columns?: readonly string[],
  ): AsyncIterable<RowBatch>;
}

/** A format of files with rows. */
export type FileFormat = 'parquet';

export const warehouse = adapterPort<Warehouse>(
  'warehouse',
  {
    describe: {},
    source: {},
    estimate: {},
    query: { sync: true },
    keep: { returns: { [Symbol.asyncDispose]: {} } },
    keepDays: {},
    keptDays: {},
    load: {
      returns: { [Symbol.asyncDispose]: {} },
      callers: ([rows, context], own) => [callersRows(rows, own), context],
    },
    export: {
      callers: ([source, path, context], own) => [
        'sql' in source ? source : callersRows(source, own),
        path,
        context,
      ],
    },
    encode: { callers: ([rows, ...rest], own) => [callersRows(rows, own), ...rest] },
    decode: { sync: true },
  },
  (part, context) => part.describe({ sql: 'SELECT 1 AS one' }, context),
);
