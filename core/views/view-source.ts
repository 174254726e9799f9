import type { Field } from '../data/feature-rows.js';
import { canonicalExpression, namesOf, type Expression } from '../expressions/expression.js';
import { inferKinds } from '../expressions/kinds.js';
import { parseExpression } from '../expressions/parse.js';
import { VivaceError } from '../kernel/errors.js';
import { historyOf } from './pushed-rows.js';
import type { ViewSpec } from './schema.js';
import { sourceRowsOf, type SourceRows } from './source-rows.js';
import { checkCase, mistake } from './view-mistake.js';

/** Where the history of a view comes from: rows of a warehouse or, with `log`, what was pushed. */
export interface ViewSource extends SourceRows {
  /** Column of the source per entity key. */
  readonly key: Readonly<Record<string, string>>;
  readonly eventTime?: string;
  readonly availableTime?: string;
  /** How much later than its available time a row may be in the source, milliseconds. */
  readonly overlapMs?: number;
  /** Columns that are computed from those of the source, by name; absent where there are none. */
  readonly columns?: Readonly<Record<string, Expression>>;
  /** The served-log part that keeps what is pushed; then there is neither a table nor a query. */
  readonly log?: string;
}

/** @throws {VivaceError} `INVALID_CONFIG` with `path` relative to the view. */
export function compileSource(source: NonNullable<ViewSpec['source']>, entity: readonly Field[]): ViewSource {
  if (source.log !== undefined) return historyOf(source.log, entity);
  return {
    ...sourceRowsOf(source),
    key: Object.fromEntries(entity.map((key) => [key.name, source.key[key.name] ?? key.name])),
    ...(source.eventTime === undefined ? {} : { eventTime: source.eventTime }),
    ...(source.eventTime === undefined ? {} : { availableTime: source.availableTime ?? source.eventTime }),
    ...(source.overlapMs === undefined ? {} : { overlapMs: source.overlapMs }),
    ...derivedColumns(source, entity),
  };
}

function derivedColumns(
  source: NonNullable<ViewSpec['source']>,
  entity: readonly Field[],
): Pick<ViewSource, 'columns'> {
  const texts = source.columns ?? {};
  const names = Object.keys(texts);
  if (names.length === 0) return {};
  checkCase('source.columns', names);
  const isDerived = (name: string): boolean =>
    names.some((other) => other.toLowerCase() === name.toLowerCase());
  const stored = (path: string, column: string): void => {
    if (isDerived(column))
      throw mistake(path, `"${column}" is a derived column: keys and times are columns of the source itself`);
  };
  for (const { name } of entity) stored(`source.key.${name}`, source.key[name] ?? name);
  if (source.eventTime !== undefined) stored('source.eventTime', source.eventTime);
  if (source.availableTime !== undefined) stored('source.availableTime', source.availableTime);
  const columns = Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [name, derivedColumn(`source.columns.${name}`, text)]),
  );
  for (const [name, expression] of Object.entries(columns)) {
    const other = namesOf(expression).find(isDerived);
    if (other !== undefined)
      throw mistake(
        `source.columns.${name}`,
        `"${other}" is a derived column, and an expression uses columns of the source itself: write its expression instead`,
      );
  }
  try {
    inferKinds(columns);
  } catch (error) {
    throw atPath(error, (name) => `source.columns.${name}`);
  }
  return { columns };
}

function derivedColumn(path: string, text: string): Expression {
  try {
    return parseExpression(text);
  } catch (error) {
    throw atPath(error, () => path);
  }
}

/** A mistake of an expression, where it stands in the view. */
function atPath(error: unknown, path: (name: string) => string): unknown {
  return error instanceof VivaceError && error.code === 'INVALID_CONFIG'
    ? mistake(path(error.path ?? ''), error.message)
    : error;
}

/**
 * What of a source belongs to the definition of a view. Derived columns are canonical texts: spaces and parentheses that change nothing are
 * not part of it. Nor is how late a row may be, which says when rows are copied, or whether a log keeps what is pushed, and which. Rows that are
 * pushed come from nowhere else, so the name of the view, which they are pushed to, tells them from those of another.
 */
export function canonicalSource(of: ViewSource | undefined, view: string): object {
  if (of === undefined || of.log !== undefined) return { pushed: view };
  const { columns, overlapMs: _, ...source } = of;
  if (columns === undefined) return source;
  const texts = Object.entries(columns).map(([name, expression]) => [name, canonicalExpression(expression)]);
  return { ...source, columns: Object.fromEntries(texts) as object };
}
