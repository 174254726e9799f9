import type * as NodeApi from '@duckdb/node-api';
import type { DuckDBAppender, DuckDBDataChunk, DuckDBType, DuckDBValue } from '@duckdb/node-api';
import {
  cellAt,
  isValid,
  type Cell,
  type Column,
  type ColumnType,
  type RowBatch,
  type ScalarType,
} from 'vivace';

/** The SDK as it was loaded. */
export type Sdk = typeof NodeApi;

/** Rows of one data chunk: the engine's own vector size. */
const chunkRows = 2048;

/** DuckDB's types of columns. */
export function duckdbTypes(sdk: Sdk, types: readonly ColumnType[]): DuckDBType[] {
  const scalars: Record<ScalarType, DuckDBType> = {
    float32: sdk.FLOAT,
    float64: sdk.DOUBLE,
    int32: sdk.INTEGER,
    int64: sdk.BIGINT,
    bool: sdk.BOOLEAN,
    string: sdk.VARCHAR,
    timestamp: sdk.TIMESTAMP,
    bytes: sdk.BLOB,
  };
  return types.map(({ kind, element, width }) =>
    kind === 'list'
      ? sdk.LIST(scalars[element])
      : kind === 'vector'
        ? sdk.ARRAY(scalars[element], width)
        : scalars[element],
  );
}

/** Appends a batch to a table. */
export function appendBatch(
  sdk: Sdk,
  appender: DuckDBAppender,
  types: readonly DuckDBType[],
  batch: RowBatch,
): void {
  for (let from = 0; from < batch.rows; from += chunkRows) {
    const rows = Math.min(chunkRows, batch.rows - from);
    const chunk = sdk.DuckDBDataChunk.create(types, rows);
    batch.columns.forEach((column, i) => fill(sdk, chunk, i, { column, from, rows }));
    appender.appendDataChunk(chunk);
  }
}

interface Stretch {
  readonly column: Column;
  readonly from: number;
  readonly rows: number;
}

function fill(sdk: Sdk, chunk: DuckDBDataChunk, index: number, { column, from, rows }: Stretch): void {
  const { type, valid } = column;
  const numbers = numbersOf(column, from, rows);
  const vector = chunk.getColumnVector(index) as unknown as WrittenVector;
  const { items, validity } = vector;
  if (numbers !== undefined && validity !== undefined && items?.constructor === numbers.constructor) {
    items.set(numbers as never);
    if (valid !== undefined) validity.data = validityOf(valid, from, rows);
    vector.flush();
  } else if (type.kind === 'scalar' && type.element === 'string') {
    const cells = (column.values as string[]).slice(from, from + rows);
    chunk.setColumnValues(
      index,
      valid === undefined ? cells : cells.map((cell, row) => (isValid(column, from + row) ? cell : null)),
    );
  } else {
    const cells = Array.from({ length: rows }, (_, row) => valueOf(sdk, type, cellAt(column, from + row)));
    chunk.setColumnValues(index, cells);
  }
}

type NumberArray = Float32Array | Float64Array | Int32Array | BigInt64Array;

/** What vectors of the SDK have beyond their types. */
interface WrittenVector {
  readonly items?: NumberArray;
  readonly validity?: { data: BigUint64Array | null };
  flush(): void;
}

/** Cells as a vector of theirs holds them, if it holds numbers; what stands for a null does not matter. */
function numbersOf({ type, values }: Column, from: number, rows: number): NumberArray | undefined {
  if (type.kind !== 'scalar' || !ArrayBuffer.isView(values)) return undefined;
  const numbers = (values as Float64Array).subarray(from, from + rows);
  if (type.element !== 'timestamp') return numbers;
  const micros = new BigInt64Array(rows);
  numbers.forEach((each, row) => {
    if (!Number.isNaN(each)) micros[row] = BigInt(each);
  });
  return micros;
}

/** The bits of a bitmap as the engine has them, 64 in a word; `from` is where a byte begins, as chunks do. */
function validityOf(valid: Uint8Array, from: number, rows: number): BigUint64Array {
  const words = new BigUint64Array(Math.ceil(rows / 64));
  new Uint8Array(words.buffer).set(valid.subarray(from / 8, Math.ceil((from + rows) / 8)));
  return words;
}

function valueOf(sdk: Sdk, type: ColumnType, cell: Cell): DuckDBValue {
  if (cell === null) return null;
  if (type.kind !== 'scalar') {
    const items = (cell as readonly Cell[]).map((item) => valueOf(sdk, { ...type, kind: 'scalar' }, item));
    return type.kind === 'list' ? sdk.listValue(items) : sdk.arrayValue(items);
  }
  if (type.element === 'timestamp') return new sdk.DuckDBTimestampValue(BigInt(cell as number));
  if (type.element === 'bytes') return new sdk.DuckDBBlobValue(cell as Uint8Array);
  return cell as DuckDBValue;
}
