import {
  ColumnWriter,
  fitsFloat32,
  instantOfUtcText,
  parseType,
  timeBounds,
  VivaceError,
  type Cell,
  type Column,
  type ColumnType,
  type DescribedColumn,
  type Field,
  type RowBatch,
  type ScalarType,
} from 'vivace';
import { exactFloat64 } from 'vivace/kit';

/** A column as BigQuery describes it. */
export interface SchemaField {
  readonly name: string;
  readonly type: string;
  readonly mode?: string;
}

/** A row as the REST API sends it: every value is text, an array is a list of `{ v }`. */
export interface WireRow {
  readonly f: readonly { readonly v: unknown }[];
}

/** Null for a value that is null here, `undefined` for one whose digits would be lost. */
type Parse = (text: string) => Value | null | undefined;
type Value = number | bigint | string | Uint8Array;

interface Kind {
  readonly element: ScalarType;
  readonly parse: Parse;
}

const float: Kind = { element: 'float64', parse: parseFloat64 };
const decimal: Kind = { element: 'float64', parse: exactFloat64 };
const time: Kind = { element: 'timestamp', parse: parseMicros };
const integer: Kind = { element: 'int64', parse: BigInt };
const bool: Kind = { element: 'bool', parse: (text) => (text === 'true' ? 1 : 0) };

/** By both names of a type: the REST API's and GoogleSQL's. */
const kinds: Readonly<Record<string, Kind>> = {
  FLOAT: float,
  FLOAT64: float,
  NUMERIC: decimal,
  BIGNUMERIC: decimal,
  INTEGER: integer,
  INT64: integer,
  BOOLEAN: bool,
  BOOL: bool,
  STRING: { element: 'string', parse: (text) => text },
  BYTES: { element: 'bytes', parse: (text) => Uint8Array.from(Buffer.from(text, 'base64')) },
  // Asked for as whole microseconds (`formatOptions.useInt64Timestamp`).
  TIMESTAMP: time,
  DATE: { element: 'timestamp', parse: parseUtc },
  DATETIME: { element: 'timestamp', parse: parseUtc },
};

/** How to cast a type that no column carries. */
const casts: Readonly<Record<string, string>> = {
  RECORD: 'select its fields one by one, or TO_JSON_STRING it',
  STRUCT: 'select its fields one by one, or TO_JSON_STRING it',
  GEOGRAPHY: 'cast it with ST_ASTEXT',
  JSON: 'cast it with TO_JSON_STRING, or JSON_VALUE',
  INTERVAL: 'cast it with CAST(… AS STRING), or EXTRACT',
  TIME: 'cast it with CAST(… AS STRING), or EXTRACT',
  RANGE: 'cast it with RANGE_START and RANGE_END',
};

function kindOf({ type }: SchemaField): Kind | undefined {
  return Object.hasOwn(kinds, type) ? kinds[type] : undefined;
}

/** The columns of an answer. */
export function describedColumns(schema: readonly SchemaField[]): DescribedColumn[] {
  return schema.map((field) => {
    const kind = kindOf(field);
    const repeated = field.mode === 'REPEATED';
    return {
      name: field.name,
      ...(kind === undefined ? {} : { type: parseType(repeated ? `list<${kind.element}>` : kind.element) }),
      nativeType: repeated ? `ARRAY<${field.type}>` : field.type,
    };
  });
}

/** The fields of an answer. @throws {VivaceError} `INVALID_ARGUMENT` for a column of a type that no column carries. */
export function schemaFields(schema: readonly SchemaField[]): Field[] {
  return schema.map((field) => {
    const [{ type } = {}] = describedColumns([field]);
    if (type !== undefined) return { name: field.name, type };
    throw new VivaceError(
      'INVALID_ARGUMENT',
      `column "${field.name}" is ${field.type}, which no column type can hold: ${casts[field.type] ?? 'cast it'} in the query`,
    );
  });
}

/** Narrower types that a caller may ask for, by the types that BigQuery has. */
const narrower: Readonly<Partial<Record<ScalarType, ScalarType>>> = { float64: 'float32', int64: 'int32' };

/** Makes columns of pages: in BigQuery's types, or in those the caller has asked for. */
export function rowReader(
  schema: readonly SchemaField[],
  wanted?: readonly Field[],
): (rows: readonly WireRow[]) => RowBatch {
  const fields = schemaFields(schema);
  if (wanted !== undefined && wanted.length !== fields.length)
    throw new TypeError(`${wanted.length} columns were asked for, but there are ${fields.length}`);
  const columns = fields.map(({ name, type }, i) => ({
    name,
    type: wanted === undefined ? type : narrowed(name, type, wanted[i]!.type),
    parse: kindOf(schema[i]!)!.parse,
  }));
  const named = columns.map(({ name, type }) => ({ name, type }));
  return (rows) => ({
    fields: named,
    rows: rows.length,
    columns: columns.map((column, i) => readColumn(column, rows, i)),
  });
}

function narrowed(name: string, type: ColumnType, wanted: ColumnType): ColumnType {
  const fits = wanted.element === type.element || wanted.element === narrower[type.element];
  if (fits && (wanted.kind === 'scalar') === (type.kind === 'scalar')) return wanted;
  throw new VivaceError('INVALID_ARGUMENT', `column "${name}" is ${type.name}, but ${wanted.name} is wanted`);
}

interface Reader {
  readonly name: string;
  readonly type: ColumnType;
  readonly parse: Parse;
}

function readColumn(reader: Reader, rows: readonly WireRow[], at: number): Column {
  const { name, type } = reader;
  const writer = new ColumnWriter(type, rows.length);
  const check = checkOf(name, type.element);
  if (type.kind !== 'scalar') {
    rows.forEach((row, i) => writer.set(i, readList(reader, row.f[at]!.v, check)));
    return writer.finish();
  }
  const values = writer.values as unknown[];
  for (let i = 0; i < rows.length; i++) {
    const cell = rows[i]!.f[at]!.v;
    if (cell === null) {
      writer.setNull(i);
      continue;
    }
    const value = parsed(reader, cell as string);
    if (value === null) {
      writer.setNull(i);
      continue;
    }
    check?.(value as number);
    values[i] = type.element === 'int32' ? Number(value) : value;
  }
  return writer.finish();
}

/** BigQuery has no null arrays: one that is stored or answered is empty, and so not a vector. */
function readList(reader: Reader, cell: unknown, check: Check | undefined): Cell {
  const { name, type } = reader;
  const items = (cell ?? []) as readonly { readonly v: unknown }[];
  if (type.kind === 'vector' && items.length === 0) return null;
  if (type.kind === 'vector' && items.length !== type.width) {
    throw new VivaceError(
      'INVALID_ARGUMENT',
      `column "${name}": an array of ${items.length} does not fit ${type.name}`,
    );
  }
  return items.map(({ v }) => {
    const value = v === null ? null : parsed(reader, v as string);
    if (value === null)
      throw new VivaceError('INVALID_ARGUMENT', `column "${name}": ${type.name} cannot hold nulls inside`);
    check?.(value as number);
    return cellOf(type.element, value);
  });
}

function parsed({ name, parse }: Reader, text: string): Value | null {
  const value = parse(text);
  if (value !== undefined) return value;
  throw new VivaceError(
    'INVALID_ARGUMENT',
    `column "${name}": ${text} has more digits than a float64 holds: declare its type as string or int64, or cast it in the query`,
  );
}

function cellOf(element: ScalarType, value: Value): Cell {
  if (element === 'bool') return value === 1;
  return element === 'int32' ? Number(value) : value;
}

type Check = (value: number | bigint) => void;

function checkOf(name: string, element: ScalarType): Check | undefined {
  const refuse = (value: number | bigint): never => {
    throw new VivaceError('INVALID_ARGUMENT', `column "${name}": ${value} does not fit ${element}`);
  };
  if (element === 'int32') {
    return (value) => {
      if (value < -2_147_483_648n || value > 2_147_483_647n) refuse(value);
    };
  }
  if (element === 'float32') {
    return (value) => {
      if (!fitsFloat32(value as number)) refuse(value);
    };
  }
  return undefined;
}

function parseFloat64(text: string): number {
  const value = Number(text);
  return Number.isNaN(value) && /inf/i.test(text) ? (text.startsWith('-') ? -Infinity : Infinity) : value;
}

function parseMicros(text: string): number | null {
  const micros = Number(text);
  return micros >= timeBounds.first && micros <= timeBounds.last ? micros : null;
}

/** `2001-02-03`, `2001-02-03T04:05:06.789012` */
function parseUtc(text: string): number | null {
  const instant = instantOfUtcText(text);
  if (instant === undefined) throw new VivaceError('INTERNAL', `BigQuery gave "${text}" for a time`);
  return instant > timeBounds.last ? null : instant;
}
