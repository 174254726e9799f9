import { resolve } from 'node:path';
import type { AsOfJoin, ColumnType, Dialect, ScalarType } from 'vivace';
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

const readers: readonly (readonly [RegExp, string])[] = [
  [/\.parquet$/i, 'read_parquet'],
  [/\.(csv|tsv)(\.gz|\.zst)?$/i, 'read_csv'],
  [/\.(json|jsonl|ndjson)(\.gz|\.zst)?$/i, 'read_json'],
];

/** DuckDB's SQL. @param directory Where relative files are. */
export function duckdbDialect(directory: string): Dialect {
  return {
    name: 'duckdb',
    identifier,
    table(reference) {
      const reader = readers.find(([pattern]) => pattern.test(reference))?.[1];
      if (reader === undefined) return reference.split('.').map(identifier).join('.');
      return `${reader}(${text(reference.includes('://') ? reference : resolve(directory, reference))})`;
    },
    literal: literalWriter({ text, float64: types.float64 }),
    parameter: (name) => `$${name}`,
    type: typeName,
    cast: (expression, type) => `CAST(${expression} AS ${typeName(type)})`,
    exact: (expression) => `CAST(${expression} AS HUGEINT)`,
    micros: (expression) => `epoch_us(${expression})`,
    // `//` rounds toward zero.
    floorDivide: (numerator, denominator) =>
      `((${numerator}) - (((${numerator}) % ${denominator}) + ${denominator}) % ${denominator}) // ${denominator}`,
    divide: (numerator, denominator) => `(${numerator}) / (${denominator})`,
    series: (name, to) => `(SELECT unnest(range(1, ${to + 1})) AS ${identifier(name)})`,
    asOfJoin,
  };
}

function identifier(name: string): string {
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

function asOfJoin({ left, right, keys, time, since, keep, columns }: AsOfJoin): string {
  const wanted = [
    ...keep.map((name) => `l.${identifier(name)}`),
    ...columns.map((name) => `r.${identifier(name)}`),
  ];
  const equal = keys.map((key) => `l.${identifier(key.left)} = r.${identifier(key.right)}`);
  const conditions = [...equal, `l.${identifier(time)} >= r.${identifier(since)}`];
  return `SELECT ${wanted.join(', ')} FROM ${left} AS l ASOF JOIN ${right} AS r ON ${conditions.join(' AND ')}`;
}
