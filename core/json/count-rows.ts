import type { PipelineField } from '../ports/data-plane.js';
import { unknownField, type RequestMistakes } from './request-mistakes.js';

/** Rows that are given as one list per field. */
export interface RowsAsColumns {
  readonly columns: Readonly<Record<string, unknown>>;
  readonly fields: readonly PipelineField[];
  /** Where the columns stand in the body. */
  readonly path: string;
  /** What messages call one of the rows, and one of the lists. */
  readonly names: { readonly row: string; readonly list: string };
  /** Whether a field may have no list at all. */
  readonly mayLack?: (field: PipelineField) => boolean;
}

/**
 * How many values each list has.
 *
 * @returns `undefined` where they are not lists of one length. Why, and which names are unknown, is added to `mistakes`.
 */
export function countRows(
  { columns, fields, path, names, mayLack = () => false }: RowsAsColumns,
  mistakes: RequestMistakes,
): number | undefined {
  const known = fields.map(({ name }) => name);
  const unknown = Object.keys(columns).filter((name) => !known.includes(name));
  const misspelt = unknown.map((name) => mistakes.meantBy(name, known));
  let rows: number | undefined;
  let even = true;
  for (const field of fields) {
    const list = columns[field.name];
    if (list === undefined && (mayLack(field) || misspelt.includes(field.name))) continue;
    const wrong =
      list === undefined
        ? `is missing: a list of ${field.type.name}`
        : !Array.isArray(list)
          ? `must be a list, one value per ${names.row}`
          : rows !== undefined && list.length !== rows
            ? `${list.length} values, but another ${names.list} has ${rows}`
            : undefined;
    if (wrong === undefined) rows = (list as unknown[]).length;
    else {
      even = false;
      mistakes.add(
        () => `${path}.${field.name}`,
        () => wrong,
      );
    }
  }
  for (const name of unknown)
    mistakes.add(
      () => `${path}.${name}`,
      () => unknownField(name, known),
    );
  return even ? (rows ?? 0) : undefined;
}
