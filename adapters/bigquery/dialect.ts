import type { AsOfJoin, ColumnType, ConvertOptions, Dialect, PickedRow, ScalarType } from 'vivace';
import { literalWriter } from 'vivace/kit';
import type { TableReference } from './rest-types.js';

/** GoogleSQL's types; it has one float and one integer. */
export const scalarNames: Readonly<Record<ScalarType, string>> = {
  float32: 'FLOAT64',
  float64: 'FLOAT64',
  int32: 'INT64',
  int64: 'INT64',
  bool: 'BOOL',
  string: 'STRING',
  timestamp: 'TIMESTAMP',
  bytes: 'BYTES',
};

/** GoogleSQL, as BigQuery speaks it. */
export const bigqueryDialect: Dialect = {
  name: 'bigquery',
  remote: true,
  identifier,
  // The whole path between one pair of quotes: `project.dataset.table`, with the project's hyphens.
  table: identifier,
  literal: literalWriter({ text, float64: scalarNames.float64 }),
  parameter: (name) => `@${name}`,
  type: typeName,
  cast: convert,
  // By way of a number with a fraction: halves are rounded away from zero, and no digit is lost.
  fromText: (text, type, options) =>
    type.kind === 'scalar' && scalarNames[type.element] === 'INT64'
      ? convert(`ROUND(${decimal(text, options)})`, type, options)
      : convert(text, type, options),
  decimal,
  fail: (message) => `ERROR(${text(message)})`,
  // 38 digits, as HUGEINT; a boolean becomes a number by way of INT64 only.
  exact: (expression) => `CAST(CAST(${expression} AS INT64) AS BIGNUMERIC(38))`,
  micros: (expression) => `UNIX_MICROS(CAST(${expression} AS TIMESTAMP))`,
  // DIV and MOD round toward zero.
  floorDivide: (numerator, denominator) =>
    `DIV(((${numerator}) - MOD(MOD((${numerator}), ${denominator}) + ${denominator}, ${denominator})), ${denominator})`,
  // `/` fails the query where it divides by zero.
  divide: (numerator, denominator) => `IEEE_DIVIDE(${numerator}, ${denominator})`,
  floats: {
    add: (a, b) => orInfinite(`SAFE_ADD(${a}, ${b})`, [a, b], a),
    subtract: (a, b) => orInfinite(`SAFE_SUBTRACT(${a}, ${b})`, [a, b], a),
    multiply: (a, b) => orInfinite(`SAFE_MULTIPLY(${a}, ${b})`, [a, b], `SIGN(${a}) * SIGN(${b})`),
    exp: (a) => orInfinite(`SAFE.EXP(${a})`, [a], '1.0'),
    isNaN: (a) => `IS_NAN(${a})`,
  },
  // It sums in no order that one could know.
  total: (expression) => `SUM(${expression})`,
  squaredDeviations: (expression) => `(VAR_POP(${expression}) * COUNT(${expression}))`,
  hasNull: (expression) =>
    `EXISTS(SELECT 1 FROM UNNEST(${expression}) AS vivace_item WHERE vivace_item IS NULL)`,
  pick,
  distinct: (expression, most) => `ARRAY_AGG(DISTINCT ${expression} LIMIT ${most})`,
  withoutNulls: (list) =>
    `ARRAY(SELECT vivace_item FROM UNNEST(${list}) AS vivace_item WHERE vivace_item IS NOT NULL)`,
  unnest: ({ from, list, item, keep }) =>
    `SELECT ${[...keep, item].map(identifier).join(', ')} FROM ${from} CROSS JOIN UNNEST(${identifier(list)}) AS ${identifier(item)}`,
  asOfJoin,
};

/** A table, ready for FROM. */
export function tableName({ projectId, datasetId, tableId }: TableReference): string {
  return identifier(`${projectId}.${datasetId}.${tableId}`);
}

function pick(expression: string, { order, end }: PickedRow): string {
  const direction = end === 'last' ? 'DESC' : 'ASC';
  const places = [
    `CASE WHEN ${expression} IS NULL THEN 1 ELSE 0 END ASC`,
    ...order.map((each) => `${each} ${direction}`),
  ];
  return `ARRAY_AGG(${expression} ORDER BY ${places.join(', ')} LIMIT 1)[SAFE_OFFSET(0)]`;
}

/**
 * The result of an operation that is null where an operand is null, or where the result of finite operands is too large; in the latter case
 * it is infinite, with a sign instead.
 *
 * @see https://github.com/google/googlesql/blob/master/googlesql/public/functions/arithmetics.h `CheckFloatOverflow`
 */
function orInfinite(result: string, operands: readonly string[], sign: string): string {
  const there = operands.map((operand) => `${operand} IS NOT NULL`).join(' AND ');
  return `COALESCE(${result}, CASE WHEN ${there} THEN CASE WHEN ${sign} > 0 THEN CAST('inf' AS FLOAT64) ELSE CAST('-inf' AS FLOAT64) END END)`;
}

function castAs(expression: string, type: string, { attempt = false }: ConvertOptions = {}): string {
  return `${attempt ? 'SAFE_CAST' : 'CAST'}(${expression} AS ${type})`;
}

function convert(expression: string, type: ColumnType, options?: ConvertOptions): string {
  if (type.kind === 'scalar') return castAs(expression, scalarNames[type.element], options);
  // Arrays of one type are not cast to arrays of another.
  const item = castAs('vivace_item', scalarNames[type.element], options);
  return `ARRAY(SELECT ${item} FROM UNNEST(${expression}) AS vivace_item WITH OFFSET AS vivace_place ORDER BY vivace_place)`;
}

function decimal(text: string, options?: ConvertOptions): string {
  return castAs(text, 'BIGNUMERIC', options);
}

function identifier(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}

/** A string literal. @see https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#escape_sequences */
function text(value: string): string {
  const escaped = value
    .replaceAll('\\', '\\\\')
    .replaceAll("'", "\\'")
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\0', '\\000');
  return `'${escaped}'`;
}

function typeName(type: ColumnType): string {
  const element = scalarNames[type.element];
  return type.kind === 'scalar' ? element : `ARRAY<${element}>`;
}

/**
 * There is no ASOF JOIN. Both sides are laid end to end and sorted per key: the greatest moment of a right row up to each left row is
 * the one that counts for it, and names one row of the right, which an equality join then fetches. That costs a sort of two or three
 * narrow columns, whereas a join on an inequality pairs each left row with every earlier right row of its key.
 */
function asOfJoin({ left, right, keys, time, since, keep, columns }: AsOfJoin): string {
  const names = keys.map((_, i) => `key${i}`);
  const kept = keep.map((_, i) => `keep${i}`);
  const lefts = [
    ...keys.map((key, i) => `${identifier(key.left)} AS key${i}`),
    `${identifier(time)} AS moment`,
    'CAST(NULL AS INT64) AS since',
    'TRUE AS asked',
    ...keep.map((name, i) => `${identifier(name)} AS keep${i}`),
  ];
  const rights = [
    ...keys.map((key) => identifier(key.right)),
    identifier(since),
    identifier(since),
    'FALSE',
    ...keep.map(() => 'NULL'),
  ];
  const equal = [
    ...keys.map((key, i) => `r.${identifier(key.right)} = l.key${i}`),
    `r.${identifier(since)} = l.found`,
  ];
  const wanted = [
    ...keep.map((name, i) => `l.keep${i} AS ${identifier(name)}`),
    ...columns.map((name) => `r.${identifier(name)}`),
  ];
  // RANGE takes in the rows of the same moment, whichever comes first.
  return `SELECT ${wanted.join(', ')} FROM (
  SELECT ${[...names, ...kept, 'asked'].join(', ')}, MAX(since) OVER (PARTITION BY ${names.join(', ')} ORDER BY moment RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS found
  FROM (SELECT ${lefts.join(', ')} FROM ${left} UNION ALL SELECT ${rights.join(', ')} FROM ${right}) AS laid
) AS l JOIN ${right} AS r ON ${equal.join(' AND ')} WHERE l.asked`;
}
