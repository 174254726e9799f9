import { withArticle } from '../config/article.js';
import { cellAt, columnOf, type Cell, type Column } from '../data/column.js';
import { fitsFloat32 } from '../data/float32.js';
import type { ColumnType, ScalarType } from '../data/types.js';
import { VivaceError } from '../kernel/errors.js';

/** Whether a type has room for a number; a float32 may round it, as it does in a request. */
function holds(element: ScalarType, number: number): boolean {
  if (element === 'int32') return (number | 0) === number;
  if (element === 'int64')
    return Number.isInteger(number) && BigInt.asIntN(64, BigInt(number)) === BigInt(number);
  return element === 'float64' || fitsFloat32(number);
}

const numeric = ['float32', 'float64', 'int32', 'int64'];

/**
 * A spine's column in the type its field declares. It converts only without loss: numbers into types that hold them.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` for anything else, naming the column.
 */
export function castColumn(column: Column, type: ColumnType, name: string): Column {
  if (column.type.name === type.name) return column;
  const from = column.type;
  if (
    from.kind !== 'scalar' ||
    type.kind !== 'scalar' ||
    !numeric.includes(from.element) ||
    !numeric.includes(type.element)
  ) {
    throw new VivaceError(
      'INVALID_ARGUMENT',
      `spine: "${name}" is ${withArticle(from.name)}, but the pipeline wants ${withArticle(type.name)}`,
      { path: `spine.${name}` },
    );
  }
  const cells = Array.from({ length: column.rows }, (_, row): Cell => {
    const cell = cellAt(column, row) as number | bigint | null;
    if (cell === null) return null;
    const number = Number(cell);
    if (holds(type.element, number) && (typeof cell !== 'bigint' || BigInt(number) === cell)) return number;
    throw new VivaceError(
      'INVALID_ARGUMENT',
      `spine: ${cell} in "${name}" is not ${withArticle(type.name)}`,
      {
        path: `spine.${name}`,
      },
    );
  });
  return columnOf(type, cells);
}
