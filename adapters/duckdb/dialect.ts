import type { AsOfJoin, ColumnType, ConvertOptions, Dialect, ScalarType } from 'vivace';
import { doubleQuoted, literalWriter } from 'vivace/kit';

const types: Readonly<Record<ScalarType, string>> = {
  float32: 'FLOAT',
  float64: 'DOUBLE',
  int32: 'INTEGER',
  int64: 'BIGINT',
  bool: 'BOOLEAN',
  string: 'VARCHAR',
  timestamp: 'TIMESTAMP',
  bytes: 'BLOB',
};

/** DuckDB's SQL. */
export const duckdbDialect: Dialect = {
  name: 'duckdb',
  identifier,
  table: (name) => name.split('.').map(identifier).join('.'),
  literal: literalWriter({ text, float64: types.float64 }),
  parameter: (name) => `$${name}`,
  type: typeName,
  cast: (expression, type, options) => cast(expression, typeName(type), options),
  fromText,
  decimal: (text, options) => cast(text, decimal, options),
  fail: (message) => `error(${text(message)})`,
  exact: (expression) => `CAST(${expression} AS HUGEINT)`,
  micros: (expression) => `epoch_us(${expression})`,
  // `//` rounds toward zero.
  floorDivide: (numerator, denominator) =>
    `((${numerator}) - (((${numerator}) % ${denominator}) + ${denominator}) % ${denominator}) // ${denominator}`,
  divide: (numerator, denominator) => `(${numerator}) / (${denominator})`,
  floats: {
    add: (a, b) => `(${a} + ${b})`,
    subtract: (a, b) => `(${a} - ${b})`,
    multiply: (a, b) => `(${a} * ${b})`,
    exp: (a) => `EXP(${a})`,
    isNaN: (a) => `ISNAN(${a})`,
  },
  total: (expression, order) => `list_sum(list(${expression} ORDER BY ${order.join(', ')}))`,
  squaredDeviations,
  rowHash: (expressions) => `CAST(hash(${expressions.join(', ')}) % 2147483648 AS BIGINT)`,
  hasNull: (expression) => `(list_count(${expression}) < len(${expression}))`,
  pick: (expression, { order, end }) =>
    `${end === 'last' ? 'arg_max' : 'arg_min'}(${expression}, row(${order.join(', ')}))`,
  distinct: (expression, most) => `list_slice(list(DISTINCT ${expression}), 1, ${most})`,
  withoutNulls: (list) => `list_filter(${list}, lambda vivace_item: vivace_item IS NOT NULL)`,
  unnest: ({ from, list, item, keep }) =>
    `SELECT ${[...keep.map(identifier), `unnest(${identifier(list)}) AS ${identifier(item)}`].join(', ')} FROM ${from}`,
  asOfJoin,
};

/** 20 digits before the point, one more than an int64 has, and 18 behind it: a fraction that is rounded here is rounded twice. */
const decimal = 'DECIMAL(38, 18)';

function cast(expression: string, type: string, { attempt = false }: ConvertOptions = {}): string {
  return `${attempt ? 'TRY_CAST' : 'CAST'}(${expression} AS ${type})`;
}

function fromText(expression: string, type: ColumnType, options: ConvertOptions = {}): string {
  if (type.kind !== 'scalar') return cast(expression, typeName(type), options);
  // A cast to TIMESTAMP drops the offset that a text has.
  if (type.element === 'timestamp')
    return cast(cast(expression, 'TIMESTAMPTZ', options), types.timestamp, options);
  // By way of a number with a fraction: halves are rounded away from zero, and no digit is lost.
  if (type.element === 'int32' || type.element === 'int64')
    return cast(cast(expression, decimal, options), types[type.element], options);
  return cast(expression, types[type.element], options);
}

/** A quoted name. */
export function identifier(name: string): string {
  return doubleQuoted(name, '"');
}

/** A string literal. */
export function text(value: string): string {
  return doubleQuoted(value, "'");
}

function typeName(type: ColumnType): string {
  const element = types[type.element];
  return type.kind === 'list'
    ? `${element}[]`
    : type.kind === 'vector'
      ? `${element}[${type.width}]`
      : element;
}

function squaredDeviations(expression: string): string {
  const sorted = `list_sort(list(${expression}))`;
  const apart = `(vivace_value - list_sum(${sorted}) / count(${expression}))`;
  return `list_sum(list_transform(${sorted}, lambda vivace_value: ${apart} * ${apart}))`;
}

function asOfJoin({ left, right, keys, time, since, keep, columns }: AsOfJoin): string {
  const wanted = [
    ...keep.map((name) => `l.${identifier(name)}`),
    ...columns.map((name) => `r.${identifier(name)}`),
  ];
  const equal = keys.map((key) => `l.${identifier(key.left)} = r.${identifier(key.right)}`);
  const conditions = [...equal, `l.${identifier(time)} >= r.${identifier(since)}`];
  return `SELECT ${wanted.join(', ')} FROM ${left} AS l ASOF JOIN ${right} AS r ON ${conditions.join(' AND ')}`;
}
