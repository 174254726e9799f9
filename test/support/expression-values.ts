import {
  columnOf,
  compileExpressions,
  inferKinds,
  kindOfType,
  parseExpression,
  parseType,
  type Cell,
} from 'vivace';
import { expressionColumns, type Given } from '../fixtures/expressions.js';

const kindsOfColumns = Object.fromEntries(
  Object.entries(expressionColumns).map(([name, type]) => [name, kindOfType(parseType(type))!]),
);

/** The kind of the value of an expression over the columns of the cases. */
export function isBool(text: string): boolean {
  return inferKinds({ value: parseExpression(text) }, kindsOfColumns).values.get('value') === 'bool';
}

/** The values of an expression over rows, in process. */
export function valuesOf(text: string, rows: readonly Given[]): (number | boolean | null)[] {
  const expressions = { value: parseExpression(text) };
  const kinds = inferKinds(expressions, kindsOfColumns);
  const columns = Object.entries(expressionColumns).map(([name, type]) => {
    const cells = rows.map((row): Cell => row[name as keyof Given] ?? null);
    return [name, columnOf(parseType(type), cells)] as const;
  });
  const [vector] = compileExpressions(
    expressions,
    kinds,
  )({ rows: rows.length, column: (name) => columns.find(([column]) => column === name)![1] });
  const { values, nulls } = vector!;
  return rows.map((_, row) => {
    if (nulls?.[row] === 1) return null;
    return values instanceof Uint8Array ? values[row] === 1 : values[row]!;
  });
}
