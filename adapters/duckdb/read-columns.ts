import type { DuckDBType, DuckDBVector } from '@duckdb/node-api';
import {
  clearBit,
  ColumnWriter,
  createBitmap,
  createValues,
  microsPerDay,
  microsPerMilli,
  microsPerSecond,
  isSet,
  parseType,
  startOfDay,
  timeBounds,
  VivaceError,
  type Cell,
  type Column,
  type ColumnType,
  type DescribedColumn,
} from 'vivace';
import { exactFloat64 } from 'vivace/kit';
import { StringReader } from './read-strings.js';

/** What the SDK keeps of a vector beneath its public API: reading it saves an object or a call per value. */
export interface RawVector {
  readonly items?: ArrayLike<number | bigint> & ArrayBufferView;
  readonly dataView?: DataView;
  readonly validity?: { readonly data?: BigUint64Array | null };
}

/** Reads some vectors of a result's column as one column. */
export interface ColumnReader {
  readonly type: ColumnType;
  read(vectors: readonly DuckDBVector[]): Column;
}

/** How many microseconds a unit of the vector's items stands for; nanoseconds are cut off. */
const timeUnits: Readonly<Record<string, number>> = {
  DATE: microsPerDay,
  TIMESTAMP: 1,
  'TIMESTAMP WITH TIME ZONE': 1,
  TIMESTAMP_S: microsPerSecond,
  TIMESTAMP_MS: microsPerMilli,
  TIMESTAMP_NS: 0.001,
};

const scalars: Readonly<Record<string, string>> = {
  BOOLEAN: 'bool',
  TINYINT: 'int32',
  SMALLINT: 'int32',
  INTEGER: 'int32',
  UTINYINT: 'int32',
  USMALLINT: 'int32',
  UINTEGER: 'int64',
  BIGINT: 'int64',
  UBIGINT: 'int64',
  HUGEINT: 'int64',
  UHUGEINT: 'int64',
  FLOAT: 'float32',
  DOUBLE: 'float64',
  VARCHAR: 'string',
  UUID: 'string',
  BLOB: 'bytes',
};

/** The column type that carries a DuckDB type, or `undefined` where none does. */
function columnTypeOf(type: DuckDBType): ColumnType | undefined {
  const text = String(type);
  const { valueType, length } = type as unknown as { valueType?: DuckDBType; length?: number };
  if (valueType !== undefined) {
    const element = text.startsWith('MAP') ? undefined : columnTypeOf(valueType);
    if (element?.kind !== 'scalar') return undefined;
    return parseType(length === undefined ? `list<${element.name}>` : `${element.name}[${length}]`);
  }
  if (text in timeUnits) return parseType('timestamp');
  // Ids are whole numbers.
  if (text.startsWith('DECIMAL')) return parseType(/,\s*0\)$/.test(text) ? 'int64' : 'float64');
  if (text.startsWith('ENUM')) return parseType('string');
  const name = scalars[text];
  return name === undefined ? undefined : parseType(name);
}

/** The columns of a result. */
export function describedColumns(names: readonly string[], types: readonly DuckDBType[]): DescribedColumn[] {
  return types.map((duckdbType, i) => {
    const type = columnTypeOf(duckdbType);
    return {
      name: names[i] as string,
      ...(type === undefined ? {} : { type }),
      nativeType: String(duckdbType),
    };
  });
}

/** A reader for one column of a result. */
export function columnReader(name: string, type: DuckDBType): ColumnReader {
  const columnType = columnTypeOf(type) as ColumnType;
  const copy = columnType.kind === 'scalar' ? copier(String(type)) : undefined;
  return {
    type: columnType,
    read(vectors) {
      const rows = vectors.reduce((sum, vector) => sum + vector.itemCount, 0);
      const raw = vectors as unknown as readonly RawVector[];
      if (
        copy === undefined ||
        raw.some((vector) => vector.items === undefined && vector.dataView === undefined)
      ) {
        return readCells(name, columnType, vectors);
      }
      const values = createValues(columnType.element, rows);
      let at = 0;
      for (const [i, vector] of raw.entries()) {
        copy(vectors[i] as DuckDBVector, vector, { to: values as never, at });
        at += vectors[i]!.itemCount;
      }
      const valid =
        columnType.element === 'timestamp'
          ? withoutUnstorable(values as Float64Array, readValidity(vectors, rows))
          : readValidity(vectors, rows);
      if (valid === undefined) return { type: columnType, rows, values };
      clearNulls(values, valid);
      return { type: columnType, rows, values, valid };
    },
  };
}

type Copy = (vector: DuckDBVector, raw: RawVector, target: { to: never; at: number }) => void;

/** How to copy a vector's values in bulk; `undefined` where they must be read one by one. */
function copier(type: string): Copy | undefined {
  switch (type) {
    case 'TINYINT':
    case 'SMALLINT':
    case 'INTEGER':
    case 'UTINYINT':
    case 'USMALLINT':
    case 'BIGINT':
    case 'FLOAT':
    case 'DOUBLE':
      return (_, raw, { to, at }) => (to as Float64Array).set(raw.items as unknown as Float64Array, at);
    case 'BOOLEAN':
      return (_, { dataView: data }, { to, at }) => {
        if (data !== undefined)
          (to as Uint8Array).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
      };
    case 'VARCHAR': {
      const strings = new StringReader();
      return (vector, raw, { to, at }) => strings.read(vector, raw, { to, at });
    }
    default:
      return type in timeUnits
        ? (_, raw, { to, at }) => copyTimes(raw.items!, { to, at }, timeUnits[type] as number)
        : undefined;
  }
}

const high = 4_294_967_296;

function copyTimes(
  items: NonNullable<RawVector['items']>,
  { to, at }: { to: Float64Array; at: number },
  unit: number,
): void {
  if (items instanceof Int32Array) {
    for (let row = 0; row < items.length; row++) to[at + row] = (items[row] as number) * unit;
    return;
  }
  if (unit < 1) {
    // Nanoseconds are beyond what a double holds exactly.
    const nanos = items as unknown as BigInt64Array;
    for (let row = 0; row < nanos.length; row++) to[at + row] = microsOfNanos(nanos[row] as bigint);
    return;
  }
  // Two 32-bit halves: a bigint per value would take several times as long.
  const words = new Int32Array(items.buffer, items.byteOffset, items.length * 2);
  for (let row = 0; row < items.length; row++) {
    const value = (words[row * 2 + 1] as number) * high + ((words[row * 2] as number) >>> 0);
    to[at + row] = value * unit;
  }
}

/** The validity bitmap of the vectors' rows, `undefined` where every row holds a value. */
function readValidity(vectors: readonly DuckDBVector[], rows: number): Uint8Array | undefined {
  let valid: Uint8Array | undefined;
  let at = 0;
  for (const vector of vectors) {
    const { validity } = vector as unknown as RawVector;
    if (validity?.data !== null) {
      const bits =
        validity?.data === undefined
          ? undefined
          : new Uint8Array(validity.data.buffer, validity.data.byteOffset, validity.data.byteLength);
      for (let row = 0; row < vector.itemCount; row++) {
        if (bits === undefined ? vector.getItem(row) !== null : isSet(bits, row)) continue;
        valid ??= createBitmap(rows, true);
        clearBit(valid, at + row);
      }
    }
    at += vector.itemCount;
  }
  return valid;
}

/** A time that is infinite, or outside the years 0000 to 9999, is null. */
function withoutUnstorable(micros: Float64Array, valid: Uint8Array | undefined): Uint8Array | undefined {
  let bits = valid;
  for (let row = 0; row < micros.length; row++) {
    const time = micros[row] as number;
    if (time >= timeBounds.first && time <= timeBounds.last) continue;
    bits ??= createBitmap(micros.length, true);
    clearBit(bits, row);
  }
  return bits;
}

/** Clears what the engine left beneath nulls; a null cell holds 0, NaN or an empty string. */
function clearNulls(values: Column['values'], valid: Uint8Array): void {
  const nothing = Array.isArray(values)
    ? ''
    : values instanceof BigInt64Array
      ? 0n
      : values instanceof Float32Array || values instanceof Float64Array
        ? NaN
        : 0;
  for (let row = 0; row < values.length; row++) {
    if (((valid[row >> 3] as number) & (1 << (row & 7))) === 0) (values as unknown[])[row] = nothing;
  }
}

/** Value by value: decimals, wide integers, fixed vectors, whatever has no typed array beneath. */
function readCells(name: string, type: ColumnType, vectors: readonly DuckDBVector[]): Column {
  const rows = vectors.reduce((sum, vector) => sum + vector.itemCount, 0);
  const writer = new ColumnWriter(type, rows);
  let at = 0;
  for (const vector of vectors) {
    for (let row = 0; row < vector.itemCount; row++)
      writer.set(at + row, cellOf(name, type, vector.getItem(row)));
    at += vector.itemCount;
  }
  return writer.finish();
}

const smallest = -(2n ** 63n);
const largest = 2n ** 63n - 1n;

function cellOf(name: string, type: ColumnType, value: unknown): Cell {
  if (value === null) return null;
  if (type.kind !== 'scalar') {
    const element = parseType(type.element);
    return (value as { items: readonly unknown[] }).items.map((item) => {
      const cell = cellOf(name, element, item);
      if (cell !== null) return cell;
      throw new VivaceError('INVALID_ARGUMENT', `column "${name}": ${type.name} cannot hold nulls inside`);
    });
  }
  switch (type.element) {
    case 'int64': {
      const integer = typeof value === 'object' ? (value as Decimal).value : BigInt(value as bigint | number);
      if (integer < smallest || integer > largest) {
        throw new VivaceError(
          'INVALID_ARGUMENT',
          `column "${name}": ${integer} does not fit int64: cast it in the query`,
        );
      }
      return integer;
    }
    case 'timestamp': {
      const micros = microsOf(value as TimeValue);
      return micros >= timeBounds.first && micros <= timeBounds.last ? micros : null;
    }
    case 'float32':
    case 'float64':
      return typeof value === 'number'
        ? value
        : float64Of(name, (value as { toString(): string }).toString());
    case 'bytes':
      return Uint8Array.from((value as { bytes: Uint8Array }).bytes);
    case 'string':
      return typeof value === 'string' ? value : (value as { toString(): string }).toString();
    default:
      return value as Cell;
  }
}

/** A whole number of a DECIMAL(n, 0). */
interface Decimal {
  readonly value: bigint;
}

function float64Of(name: string, text: string): number {
  const number = exactFloat64(text);
  if (number !== undefined) return number;
  throw new VivaceError(
    'INVALID_ARGUMENT',
    `column "${name}": ${text} has more digits than a float64 holds: declare its type as string or int64, or cast it in the query`,
  );
}

function microsOfNanos(nanos: bigint): number {
  return Number((nanos - (((nanos % 1000n) + 1000n) % 1000n)) / 1000n);
}

interface TimeValue {
  readonly micros?: bigint;
  readonly days?: number;
  readonly seconds?: bigint;
  readonly millis?: bigint;
  readonly nanos?: bigint;
}

function microsOf(value: TimeValue): number {
  if (value.days !== undefined) return startOfDay(value.days);
  if (value.micros !== undefined) return Number(value.micros);
  if (value.seconds !== undefined) return Number(value.seconds) * microsPerSecond;
  return value.millis === undefined
    ? microsOfNanos(value.nanos as bigint)
    : Number(value.millis) * microsPerMilli;
}
