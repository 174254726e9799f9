import type * as NodeApi from '@duckdb/node-api';
import type { DuckDBDataChunk, DuckDBType, DuckDBValue } from '@duckdb/node-api';
import { cellAt, isValid, type Cell, type Column, type ColumnType, type ScalarType } from 'vivace';

/** The SDK as it was loaded. */
export type Sdk = typeof NodeApi;

/** With more entries than these, a dictionary costs the engine more than texts do. */
const dictionaryEntries = 256;

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
  /** What the numbers that are handed over stand for, from 1 on. */
  readonly dictionary?: { readonly values: readonly DuckDBValue[]; readonly type: DuckDBType } | undefined;
  /** The SQL of the column's type, of that of what was handed over and of the dictionary. */
  readonly as: (given: string, dictionary: string) => string;
  write(chunk: DuckDBDataChunk, index: number, stretch: Stretch): void;
}

export function columnWriter(sdk: Sdk, type: ColumnType): ColumnWriter {
  const { kind, element } = type;
  if (element === 'string' && kind !== 'vector') return new TextWriter(sdk, type);
  if (kind !== 'scalar' || element === 'bytes' || element === 'string') return cellWriter(sdk, type);
  const number = numberTypes(sdk)[element];
  return {
    type: number.type,
    as: number.as,
    write(chunk, index, { column: { values, valid }, from, rows }) {
      const vector = chunk.getColumnVector(index) as unknown as NumberVector;
      vector.items.set((values as Float64Array).subarray(from, from + rows));
      if (valid !== undefined) vector.validity.data = validityOf(valid, from, rows);
      vector.flush();
    },
  };
}

/** What vectors of numbers have beyond their types in the SDK. */
interface NumberVector {
  readonly items: Float64Array;
  readonly validity: { data: BigUint64Array | null };
  flush(): void;
}

const same = (given: string): string => given;

/** Numbers that the engine takes as the arrays of columns hold them. */
function numberTypes(
  sdk: Sdk,
): Record<Exclude<ScalarType, 'string' | 'bytes'>, { type: DuckDBType; as: (given: string) => string }> {
  return {
    float32: { type: sdk.FLOAT, as: same },
    float64: { type: sdk.DOUBLE, as: same },
    int32: { type: sdk.INTEGER, as: same },
    int64: { type: sdk.BIGINT, as: same },
    bool: { type: sdk.UTINYINT, as: (given) => `CAST(${given} AS BOOLEAN)` },
    timestamp: { type: sdk.DOUBLE, as: (given) => `make_timestamp(CAST(${given} AS BIGINT))` },
  };
}

/** The bits of a bitmap as the engine has them, 64 in a word; `from` is where a byte begins, as chunks do. */
function validityOf(valid: Uint8Array, from: number, rows: number): BigUint64Array {
  const words = new BigUint64Array(Math.ceil(rows / 64));
  new Uint8Array(words.buffer).set(valid.subarray(from / 8, Math.ceil((from + rows) / 8)));
  return words;
}

/** Texts or lists of texts, which the engine takes one by one; where few are different, as numbers of them. */
class TextWriter implements ColumnWriter {
  readonly #sdk: Sdk;
  readonly #type: ColumnType;
  readonly #keyAt: (column: Column, row: number) => string | undefined;
  readonly #each: ColumnWriter;
  /** By text, or JSON of a list; absent where there are too many. Keys: texts of cells. */
  #codes: Map<string, number> | undefined = new Map();

  constructor(sdk: Sdk, type: ColumnType) {
    this.#sdk = sdk;
    this.#type = type;
    this.#keyAt = type.kind === 'list' ? listKeyAt : textAt;
    this.#each = type.kind === 'list' ? cellWriter(sdk, type) : textWriter(sdk);
  }

  look(column: Column): void {
    const codes = this.#codes;
    if (codes === undefined) return;
    let last: string | undefined;
    for (let row = 0; row < column.rows; row++) {
      const key = this.#keyAt(column, row);
      if (key === last || key === undefined) continue;
      last = key;
      if (codes.has(key)) continue;
      if (codes.size === dictionaryEntries) return void (this.#codes = undefined);
      codes.set(key, codes.size + 1);
    }
  }

  get type(): DuckDBType {
    return this.#codes === undefined ? this.#each.type : this.#sdk.INTEGER;
  }

  get dictionary(): ColumnWriter['dictionary'] {
    if (this.#codes === undefined) return undefined;
    const keys = [...this.#codes.keys()];
    const { listValue } = this.#sdk;
    const values =
      this.#type.kind === 'list' ? keys.map((key) => listValue(JSON.parse(key) as string[])) : keys;
    return { values, type: duckdbType(this.#sdk, this.#type) };
  }

  readonly as = (given: string, dictionary: string): string =>
    this.#codes === undefined ? given : `${dictionary}[${given}]`;

  write(chunk: DuckDBDataChunk, index: number, stretch: Stretch): void {
    const codes = this.#codes;
    if (codes === undefined) return this.#each.write(chunk, index, stretch);
    const { column, from, rows } = stretch;
    const vector = chunk.getColumnVector(index) as unknown as NumberVector;
    const { items } = vector;
    let [last, code]: [string | undefined, number] = [undefined, 0];
    for (let row = 0; row < rows; row++) {
      const key = this.#keyAt(column, from + row);
      if (key !== last) [last, code] = [key, key === undefined ? 0 : codes.get(key)!];
      items[row] = code;
    }
    if (column.valid !== undefined) vector.validity.data = validityOf(column.valid, from, rows);
    vector.flush();
  }
}

function textAt({ values }: Column, row: number): string {
  return values[row] as string;
}

function listKeyAt(column: Column, row: number): string | undefined {
  return isValid(column, row) ? JSON.stringify(cellAt(column, row)) : undefined;
}

function textWriter(sdk: Sdk): ColumnWriter {
  return {
    type: sdk.VARCHAR,
    as: same,
    write(chunk, index, { column, from, rows }) {
      const texts = (column.values as string[]).slice(from, from + rows);
      chunk.setColumnValues(
        index,
        column.valid === undefined
          ? texts
          : texts.map((text, row) => (isValid(column, from + row) ? text : null)),
      );
    },
  };
}

/** Cell by cell: lists, vectors and bytes. */
function cellWriter(sdk: Sdk, type: ColumnType): ColumnWriter {
  return {
    type: duckdbType(sdk, type),
    as: same,
    write(chunk, index, { column, from, rows }) {
      const cells = Array.from({ length: rows }, (_, row) => valueOf(sdk, type, cellAt(column, from + row)));
      chunk.setColumnValues(index, cells);
    },
  };
}

function duckdbType(sdk: Sdk, { kind, element, width }: ColumnType): DuckDBType {
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
  if (kind === 'list') return sdk.LIST(scalars[element]);
  return kind === 'vector' ? sdk.ARRAY(scalars[element], width) : scalars[element];
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
