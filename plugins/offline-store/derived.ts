import {
  inferKinds,
  isVivaceError,
  kindOfType,
  namesOf,
  parseType,
  withColumns,
  type ColumnType,
  type DescribedColumn,
  type Dialect,
  type Expression,
  type Kind,
  type Kinds,
  type Mistake,
  type ViewSource,
} from 'vivace';
import { fromColumn, typeText } from './conversions.js';
import type { Question } from './questions.js';
import { columnOf, type FoundSource, type Use } from './source.js';

const float64 = parseType('float64');
const bool = parseType('bool');
const int64 = parseType('int64');
const string = parseType('string');

/** Not every integer beyond this one is a float64. */
const greatestExact = 2n ** 53n;

const beyond = 'beyond 2^53, from where on a float64 does not hold every integer';

/** Whether a column is derived; engines do not tell names apart by case. */
export function isDerived({ columns = {} }: Pick<ViewSource, 'columns'>, name: string): boolean {
  return Object.keys(columns).some((derived) => derived.toLowerCase() === name.toLowerCase());
}

/** What the derived columns of a source use of it. A text is compared with the text that stands in the file. */
export function operandsOf({ columns = {} }: Pick<ViewSource, 'columns'>): Use[] {
  const kinds = inferKinds(columns).columns;
  return Object.entries(columns).flatMap(([derived, expression]) =>
    namesOf(expression).map((column): Use => {
      const use = {
        column,
        path: ['source', 'columns', derived],
        role: 'operand' as const,
        what: `the derived column "${derived}"`,
      };
      return kinds.get(column) === 'text' ? { ...use, type: string } : use;
    }),
  );
}

/** A source with its derived columns among its columns; without them and what uses them, where they cannot be computed. */
export function withDerived(
  source: FoundSource,
  expressions: Readonly<Record<string, Expression>>,
  sql: Dialect,
): FoundSource {
  const { kinds, wrong } = kindsIn(source, expressions);
  if (kinds === undefined) return withoutDerived(source, expressions, wrong);
  const added = Object.keys(expressions).map((name): DescribedColumn => {
    const type = kinds.values.get(name) === 'bool' ? bool : float64;
    return { name, type, nativeType: sql.type(type) };
  });
  const from = withColumns(
    {
      from: source.from,
      columns: source.columns.map(({ name }) => name),
      expressions,
      kinds,
      operand: (name, kind) => operand(source, name, { kind, sql }),
      result: (expression, kind) => sql.cast(expression, kind === 'bool' ? bool : float64),
    },
    sql,
  );
  return { ...source, from, columns: [...source.columns, ...added], kinds };
}

function withoutDerived(
  source: FoundSource,
  columns: Readonly<Record<string, Expression>>,
  wrong: readonly Mistake[],
): FoundSource {
  const { where = {} } = source.rows;
  const stored = Object.entries(where).filter(([name]) => !isDerived({ columns }, name));
  const uses = source.uses.filter(({ column }) => !isDerived({ columns }, column));
  return { ...source, rows: { ...source.rows, where: Object.fromEntries(stored) }, uses, wrong };
}

/** Integers that an expression would round: counting them says more than the query that fails. */
export function exactQuestion(source: FoundSource, { column: name, path }: Use, sql: Dialect): Question[] {
  const column = columnOf(source, name);
  const kind = source.kinds?.columns.get(name);
  if (column === undefined || kind !== 'number' || numberTypeOf(source, column, name).name !== 'int64')
    return [];
  const value = sql.identifier(column.name);
  const integer = fromColumn(column, int64, { sql, attempt: true });
  return [
    {
      path,
      condition: `${integer} NOT BETWEEN ${-greatestExact} AND ${greatestExact}`,
      example: sql.cast(value, string),
      say: ({ count, rows, example }) =>
        `column "${column.name}" of ${source.name}: ${count} of ${rows} ${count === 1 ? 'values is' : 'values are'} ${beyond}, such as ${JSON.stringify(example)}`,
    },
  ];
}

/** What the names of the expressions are in a source, and what is wrong with them there. */
function kindsIn(
  source: FoundSource,
  expressions: Readonly<Record<string, Expression>>,
): { readonly kinds?: Kinds; readonly wrong: readonly Mistake[] } {
  const clashes = Object.keys(expressions).flatMap((name): Mistake[] => {
    const clash = columnOf(source, name);
    if (clash === undefined) return [];
    const message = `${source.name} has a column "${clash.name}" already: give the derived column another name`;
    return [{ path: ['source', 'columns', name], message }];
  });
  const names = Object.entries(expressions).flatMap(([derived, expression]) =>
    namesOf(expression).map((name) => ({ derived, name })),
  );
  const unusable = names.flatMap(({ derived, name }): Mistake[] => {
    const column = columnOf(source, name);
    if (column === undefined || kindsOf(source, name).length > 0) return [];
    const declared = declaredType(source, name);
    const is = declared === undefined ? column.nativeType : typeText(declared);
    const message = `column "${name}" of ${source.name} is ${is}, and an expression has numbers, truth values and texts only`;
    return [{ path: ['source', 'columns', derived], message }];
  });
  const wrong = [...clashes, ...unusable];
  // What is not there has been noticed where its use was looked at.
  if (wrong.length > 0 || names.some(({ name }) => columnOf(source, name) === undefined)) return { wrong };
  const known = names.flatMap(({ name }) => {
    const kinds = kindsOf(source, name);
    return kinds.length === 1 ? [[name, kinds[0]!] as const] : [];
  });
  try {
    return { kinds: inferKinds(expressions, Object.fromEntries(known)), wrong };
  } catch (error) {
    if (!isVivaceError(error) || error.code !== 'INVALID_CONFIG') throw error;
    return { wrong: [{ path: ['source', 'columns', error.path ?? ''], message: error.message }] };
  }
}

/** What a column can be: a text that is declared as something else may be either. */
function kindsOf(source: FoundSource, name: string): Kind[] {
  const type = columnOf(source, name)?.type;
  if (type === undefined) return [];
  const own = kindOfType(type);
  if (own !== 'text') return own === undefined ? [] : [own];
  const declared = declaredType(source, name);
  if (declared === undefined || declared.name === 'string') return ['text'];
  const other = kindOfType(declared);
  return other === undefined ? [] : ['text', other];
}

/** What a view declares a column to be, beside its use in expressions. */
function declaredType(source: FoundSource, name: string): ColumnType | undefined {
  return source.uses.find(
    ({ column, role, type }) =>
      column === name && type !== undefined && role !== 'condition' && role !== 'operand',
  )?.type;
}

/** The type of a column that is not a text, or is one that the view declares to be something else. */
function numberTypeOf(source: FoundSource, { type }: DescribedColumn, name: string): ColumnType {
  return type?.name === 'string' ? (declaredType(source, name) ?? type) : (type as ColumnType);
}

/** A column as an expression takes it. */
function operand(
  source: FoundSource,
  name: string,
  { kind, sql }: { readonly kind: Kind; readonly sql: Dialect },
): string {
  const column = columnOf(source, name) as DescribedColumn;
  if (kind === 'text') return sql.cast(sql.identifier(column.name), string);
  const type = numberTypeOf(source, column, name);
  const value = fromColumn(column, type, { sql });
  if (kind === 'bool' || type.name !== 'int64') return sql.cast(value, kind === 'bool' ? bool : float64);
  const message = `column "${column.name}": an integer is ${beyond}`;
  return `CASE WHEN ${value} BETWEEN ${-greatestExact} AND ${greatestExact} THEN ${sql.cast(value, float64)} WHEN ${value} IS NOT NULL THEN ${sql.fail(message)} END`;
}
