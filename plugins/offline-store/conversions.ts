import {
  parseType,
  timeBounds,
  withArticle,
  type ColumnType,
  type DescribedColumn,
  type Dialect,
} from 'vivace';

const timestamp = parseType('timestamp');

/** How a column is converted. */
export interface Conversion {
  readonly sql: Dialect;
  /** A value that is not one of the type is null, instead of failing the query. */
  readonly attempt?: boolean;
  /** A fraction is not rounded to the integer that is wanted: it is not one, as for keys and the fields of requests. */
  readonly exact?: boolean;
}

const numbers = ['float32', 'float64', 'int32', 'int64', 'bool'];

/** Whether values of a column may become values of a type; each of them may still not be one. */
export function convertible({ type: from }: DescribedColumn, type: ColumnType, sql: Dialect): boolean {
  if (from === undefined) return false;
  if (from.kind !== 'scalar' || type.kind !== 'scalar') {
    // An engine of files has lists as texts: [1, 2].
    if (from.name === 'string') return sql.remote !== true && type.kind !== 'scalar';
    return from.kind !== 'scalar' && type.kind !== 'scalar' && elementsConvert(from, type);
  }
  return elementsConvert(from, type);
}

/** Whether a column of a spine may hold the values of a field: texts of a file, numbers of another type, or the type itself. */
export function sameKind({ type: from }: DescribedColumn, type: ColumnType, sql: Dialect): boolean {
  if (from === undefined) return false;
  if (from.name === type.name) return true;
  if (from.name === 'string') return convertible({ name: '', type: from, nativeType: '' }, type, sql);
  const bothScalar = from.kind === 'scalar' && type.kind === 'scalar';
  return bothScalar && [from, type].every(({ element }) => element !== 'bool' && numbers.includes(element));
}

function elementsConvert({ element: from }: ColumnType, { element: to }: ColumnType): boolean {
  if (from === to || from === 'string') return true;
  switch (to) {
    case 'string':
      return from !== 'bytes';
    case 'timestamp':
    case 'bytes':
      return false;
    case 'bool':
      return from === 'int32' || from === 'int64';
    default:
      return numbers.includes(from);
  }
}

/** The type of a column in a sentence. */
export function typeText(type: ColumnType): string {
  return type.name === 'timestamp' ? 'a time' : withArticle(type.name);
}

/** A column converted to a type: exactly, or as a feature is (fractions become the nearest integer, halves away from zero). */
export function fromColumn(column: DescribedColumn, type: ColumnType, conversion: Conversion): string {
  const { sql, attempt = false, exact = false } = conversion;
  const name = sql.identifier(column.name);
  const from = column.type as ColumnType;
  const options = { attempt };
  if (type.name === 'timestamp') {
    const moment = momentOf(column, conversion);
    return `CASE WHEN ${isStorable(moment, sql)} THEN ${sql.cast(moment, type)} END`;
  }
  if (from.name === 'string' && type.name !== 'string') {
    if (exact && isInteger(type))
      return wholeNumber(sql.decimal(name, options), type, { ...conversion, column });
    return sql.fromText(name, type, options);
  }
  if (isInteger(type) && from.kind === 'scalar' && from.element.startsWith('float')) {
    // Engines differ in how a cast rounds halves, but not in ROUND.
    return exact
      ? wholeNumber(name, type, { ...conversion, column })
      : sql.cast(`ROUND(${name})`, type, options);
  }
  return sql.cast(name, type, options);
}

function wholeNumber(
  number: string,
  type: ColumnType,
  { sql, attempt = false, column }: Conversion & { readonly column: DescribedColumn },
): string {
  const otherwise = attempt
    ? ''
    : ` WHEN ${number} IS NOT NULL THEN ${sql.fail(`column "${column.name}": a number is not whole`)}`;
  return `CASE WHEN ROUND(${number}) = ${number} THEN ${sql.cast(`ROUND(${number})`, type, { attempt })}${otherwise} END`;
}

function isInteger({ kind, element }: ColumnType): boolean {
  return kind === 'scalar' && (element === 'int32' || element === 'int64');
}

/** A column of times, or of texts that are times, as a timestamp. */
export function momentOf({ name, type }: DescribedColumn, { sql, attempt = false }: Conversion): string {
  const column = sql.identifier(name);
  return type?.name === 'string' ? sql.fromText(column, timestamp, { attempt }) : column;
}

/** Whether a column of timestamps can hold a moment; not true for null, for an infinite one and outside the years 0000 to 9999. */
export function isStorable(moment: string, sql: Dialect): string {
  return `${sql.micros(moment)} BETWEEN ${BigInt(timeBounds.first)} AND ${BigInt(timeBounds.last)}`;
}

/** The microseconds of a moment that must be storable: one that is not fails the query. */
export function micros(column: DescribedColumn, sql: Dialect): string {
  const moment = momentOf(column, { sql });
  return `CASE WHEN ${isStorable(moment, sql)} THEN ${sql.micros(moment)} WHEN ${sql.identifier(column.name)} IS NOT NULL THEN ${sql.fail(`column "${column.name}": a time cannot be stored`)} END`;
}
