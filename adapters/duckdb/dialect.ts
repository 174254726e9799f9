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
  total,
  totalScale,
  squaredDeviations,
  rowHash: (expressions) => `CAST(hash(${expressions.join(', ')}) % 2147483648 AS BIGINT)`,
  hasNull: (expression) => `(list_count(${expression}) < len(${expression}))`,
  pick: (expression, { order, end }) =>
    `${end === 'last' ? 'arg_max' : 'arg_min'}(${expression}, row(${order.join(', ')}))`,
  distinct: (expression, most) => `list_slice(list(DISTINCT ${expression}), 1, ${most})`,
  numbered: (name, query, column) =>
    `${identifier(name)} AS MATERIALIZED (SELECT row_number() OVER () AS ${identifier(column)}, * FROM (${query}\n) AS r)`,
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

/*
 * A sum of doubles depends on the order of its rows, a sum of integers does not. Doubles are summed as whole multiples of 2^-80 of the greatest
 * power of two among them: what that rounds is less than a billionth of what a double does.
 */

/** The power of two by which a double that is at most `greatest` becomes an integer of 81 bits. Less than 2^-943 counts as that: the power is a double. */
function scaleOf(greatest: string): string {
  return `power(2.0, 80 - floor(log2(greatest(${greatest}, 1e-283))))`;
}

/** A double as an integer; null for an infinite one and for NaN, which are summed as doubles. */
function scaled(value: string, scale: string): string {
  return `TRY_CAST(${value} * ${scale} AS HUGEINT)`;
}

/** The sum of `sum` / `scale`, or that of doubles where one is infinite or NaN: no order of them gives another one. */
function exactly(
  sum: string,
  {
    scale,
    greatest,
    doubles,
  }: { readonly scale: string; readonly greatest: string; readonly doubles: string },
): string {
  return `CASE WHEN isfinite(${greatest}) THEN CAST(${sum} AS DOUBLE) / ${scale} ELSE ${doubles} END`;
}

/** Null where the greatest value is infinite or NaN: doubles are summed then. */
function totalScale(greatest: string): string {
  return `CASE WHEN isfinite(${greatest}) THEN ${scaleOf(greatest)} END`;
}

function total(expression: string, by?: string): string {
  if (by !== undefined) {
    const doubles = `sum(${expression}) FILTER (${by} IS NULL)`;
    return `COALESCE(${doubles}, CAST(sum(${scaled(expression, by)}) AS DOUBLE) / any_value(${by}))`;
  }
  const most = `max(abs(${expression}))`;
  const scale = scaleOf(most);
  const sum = `list_sum(list_transform(list(${expression}), lambda vivace_value: ${scaled('vivace_value', scale)}))`;
  return exactly(sum, { scale, greatest: most, doubles: `sum(${expression})` });
}

function squaredDeviations(expression: string): string {
  // The mean may be rounded to outside of the values.
  const furthest = `greatest(max(${expression}) - min(${expression}), max(abs(${expression})) * 1e-15)`;
  const greatest = `power(${furthest}, 2)`;
  const given = `{'mean': ${total(expression)} / count(${expression}), 'greatest': ${greatest}, 'scale': ${scaleOf(greatest)}}`;
  const apart = '(vivace_value - vivace_given.mean)';
  const squares = `list_transform(list(${expression}), lambda vivace_value: ${apart} * ${apart})`;
  const sum = `list_sum(list_transform(${squares}, lambda vivace_square: ${scaled('vivace_square', 'vivace_given.scale')}))`;
  const once = exactly(sum, {
    scale: 'vivace_given.scale',
    greatest: 'vivace_given.greatest',
    doubles: `list_sum(${squares})`,
  });
  // What stands in a lambda is computed for each item, except for what it is given.
  return `list_transform([${given}], lambda vivace_given: ${once})[1]`;
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
