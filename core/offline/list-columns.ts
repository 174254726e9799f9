import { cellAt, columnOf, isValid, type Column } from '../data/column.js';
import type { ColumnType } from '../data/types.js';

/** Whether a column of lists, as files of a log have them, is one of vectors of a type. */
export function isVector(column: Column, type: ColumnType): boolean {
  if (type.kind !== 'vector' || column.type.kind !== 'list' || column.type.element !== type.element)
    return false;
  const { offsets } = column;
  for (let row = 0; row < column.rows; row++)
    if (isValid(column, row) && offsets![row + 1]! - offsets![row]! !== type.width) return false;
  return true;
}

/** A column for which `isVector` holds, as vectors. */
export function vectorsOf(column: Column, type: ColumnType): Column {
  return columnOf(
    type,
    Array.from({ length: column.rows }, (_, row) => cellAt(column, row)),
  );
}
