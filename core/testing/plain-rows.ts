import { isDeepStrictEqual } from 'node:util';
import { cellAt, columnOf, type Cell, type CellOf, type Column } from '../data/column.js';
import type { Field } from '../data/feature-rows.js';
import type { DeclaredColumns, DeclaredType } from '../data/types.js';
import type { FeatureSourceDescription } from '../ports/feature-source.js';
import type { TransformDescription } from '../ports/transform.js';
import type { Description } from './start-part.js';

/** One row of declared columns, a cell for each; timestamps are microseconds since 1970. */
export type PlainRow<C extends DeclaredColumns> = { readonly [N in keyof C]: CellOf<DeclaredType<C[N]>> };

/** A key of the source that `D` describes: a cell per key column. */
export type KeyOf<D extends Description> = PlainRow<Extract<D, FeatureSourceDescription>['keys']>;
/** A row of the features of the source that `D` describes. */
export type FeaturesOf<D extends Description> = PlainRow<Extract<D, FeatureSourceDescription>['features']>;
/** A row of the inputs of the transform that `D` describes. */
export type InputsOf<D extends Description> = PlainRow<Extract<D, TransformDescription>['reads']>;
/** A row of the outputs of the transform that `D` describes. */
export type OutputsOf<D extends Description> = PlainRow<Extract<D, TransformDescription>['writes']>;

/** Any plain row. */
export type Cells = Readonly<Record<string, Cell>>;

/**
 * Columns from plain rows, one for each field.
 *
 * @throws {TypeError} Where a row has a cell that no field is named after, lacks one, or has one of another type.
 */
export function columnsFrom(fields: readonly Field[], rows: readonly Cells[]): Column[] {
  const names = fields.map(({ name }) => name);
  rows.forEach((row, at) => {
    const unknown = Object.keys(row).find((name) => !names.includes(name));
    if (unknown !== undefined)
      throw new TypeError(`row ${at} has "${unknown}", and what is declared is ${names.join(', ')}`);
    const missing = names.find((name) => row[name] === undefined);
    if (missing !== undefined) throw new TypeError(`row ${at} has no "${missing}": write null for a null`);
  });
  return fields.map(({ name, type }) =>
    columnOf(
      type,
      rows.map((row) => row[name] as Cell),
    ),
  );
}

/** Plain rows from columns. */
export function rowsFrom(fields: readonly Field[], columns: readonly Column[], rows: number): Cells[] {
  return Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(fields.map(({ name }, i) => [name, cellAt(columns[i] as Column, row)])),
  );
}

/** A copy of columns that nothing done to them changes. */
export function copyOf(columns: readonly Column[]): unknown {
  return structuredClone(columns.map(({ values, valid, offsets }) => ({ values, valid, offsets })));
}

/** Whether columns still are what `copyOf` copied. */
export function isCopyOf(copy: unknown, columns: readonly Column[]): boolean {
  return isDeepStrictEqual(
    copy,
    columns.map(({ values, valid, offsets }) => ({ values, valid, offsets })),
  );
}

/** How far a float may be from what is expected, relative to it, where a contract is told nothing else. */
export const defaultTolerance = 1e-6;
/** What counts as the size of an expected float that is nearer to zero. */
const leastScale = 1e-6;

/** Whether a number is what was expected, floats within a tolerance relative to it. */
export function isNear(actual: number, expected: number, tolerance: number): boolean {
  if (Object.is(actual, expected) || actual === expected) return true;
  return Math.abs(actual - expected) <= tolerance * Math.max(Math.abs(expected), leastScale);
}

/** Whether a cell of a type is what was expected: floats within the tolerance, everything else exactly. */
export function isExpected(
  { type }: Field,
  actual: Cell,
  expected: Cell | undefined,
  tolerance: number,
): boolean {
  if (actual === null || expected === null || expected === undefined) return actual === expected;
  if (type.kind !== 'scalar') {
    const [cells, wanted] = [actual as readonly Cell[], Array.from(expected as readonly Cell[])];
    return (
      cells.length === wanted.length &&
      cells.every((cell, i) => isElementExpected(type.element, cell, wanted[i] as Cell, tolerance))
    );
  }
  return isElementExpected(type.element, actual, expected, tolerance);
}

function isElementExpected(element: string, actual: Cell, expected: Cell, tolerance: number): boolean {
  switch (element) {
    case 'float32':
    case 'float64':
      return typeof expected === 'number' && isNear(actual as number, expected, tolerance);
    case 'int64':
      return (
        (typeof expected === 'bigint' || Number.isInteger(expected)) && actual === BigInt(expected as number)
      );
    case 'bytes':
      return (
        expected instanceof Uint8Array && Buffer.from(actual as Uint8Array).equals(Buffer.from(expected))
      );
    default:
      return actual === expected;
  }
}

/** A row as text, for messages. */
export function rowText(row: unknown): string {
  return typeof row === 'string'
    ? row
    : JSON.stringify(row, (_, value: unknown) =>
        typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))
          ? String(value)
          : value,
      );
}
