/** What a value can be: a float64, a truth value or, only where it is compared, a text. Each may be null. */
export type Kind = 'number' | 'bool' | 'text';

/** The functions of the grammar, with the number of arguments that each takes. */
export const functions = {
  coalesce: { least: 2, most: Infinity },
  min: { least: 2, most: Infinity },
  max: { least: 2, most: Infinity },
  abs: { least: 1, most: 1 },
  log: { least: 1, most: 1 },
  exp: { least: 1, most: 1 },
} as const;

export type FunctionName = keyof typeof functions;
export type Arithmetic = '+' | '-' | '*' | '/';
export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=';

/**
 * What an operation does with its operands. `case`: conditions and values in turn, and a last value for all other rows. `in`: a value, and
 * the constants that it may equal.
 */
export type Operator =
  Arithmetic | Comparison | FunctionName | 'negate' | 'not' | 'and' | 'or' | 'in' | 'is null' | 'case';

export interface Constant {
  readonly node: 'constant';
  readonly value: number | boolean | string | null;
  /** Where it stands in the text, from 0. */
  readonly at: number;
}

export interface ColumnName {
  readonly node: 'column';
  readonly name: string;
  readonly at: number;
}

export interface Operation {
  readonly node: 'operation';
  readonly operator: Operator;
  readonly of: readonly Expression[];
  readonly at: number;
}

/** A parsed expression; at most `limits.depth` deep. */
export type Expression = Constant | ColumnName | Operation;

/** What a text may have at most: more of it is an accident or an attack. */
export const limits = {
  /** UTF-16 units of a text. */
  length: 4096,
  /** Operations within operations. */
  depth: 64,
  /** Parentheses and the like within each other. */
  nesting: 256,
} as const;

/** Words that are not names, unless they stand in double quotes. */
export const keywords: readonly string[] = 'and or not in is null true false case when then else end'.split(
  ' ',
);

/** The names of columns in an expression, each once, in the order in which they stand there. */
export function namesOf(expression: Expression): string[] {
  const names = new Set<string>();
  const visit = (each: Expression): void => {
    if (each.node === 'column') names.add(each.name);
    else if (each.node === 'operation') each.of.forEach(visit);
  };
  visit(expression);
  return [...names];
}

/** How operations within operations an expression is. */
export function depthOf(expression: Expression): number {
  return expression.node === 'operation' ? 1 + Math.max(...expression.of.map(depthOf)) : 0;
}

/**
 * An expression as a text that has the same one for equal expressions, however they were written. Hashes of views depend on it: it never
 * changes.
 */
export function canonicalExpression(expression: Expression): string {
  if (expression.node === 'constant') return constantText(expression.value);
  if (expression.node === 'column') return nameText(expression.name);
  const { operator } = expression;
  const of = expression.of.map(canonicalExpression);
  switch (operator) {
    case 'negate':
      return `(- ${of[0]})`;
    case 'not':
      return `(not ${of[0]})`;
    case 'is null':
      return `(${of[0]} is null)`;
    case 'in':
      return `(${of[0]} in (${of.slice(1).join(', ')}))`;
    case 'case':
      return `case ${branchesOf(of)
        .map(([when, then]) => `when ${when} then ${then}`)
        .join(' ')} else ${of.at(-1)} end`;
    default:
      return Object.hasOwn(functions, operator)
        ? `${operator}(${of.join(', ')})`
        : `(${of.join(` ${operator} `)})`;
  }
}

/** The conditions and values of a `case`, without its last value. */
export function branchesOf<T>(of: readonly T[]): (readonly [T, T])[] {
  return Array.from({ length: (of.length - 1) / 2 }, (_, i) => [of[2 * i]!, of[2 * i + 1]!]);
}

function constantText(value: Constant['value']): string {
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

function nameText(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !keywords.includes(name.toLowerCase())
    ? name
    : `"${name.replaceAll('"', '""')}"`;
}
