import { cellAt, columnOf, type Cell, type Column } from '../data/column.js';
import type { ColumnType } from '../data/types.js';
import { VivaceError } from '../errors.js';

const numeric = ['float32', 'float64', 'int32', 'int64'];

/**
 * A spine's column in the type its field declares. Only lossless steps are taken: numbers into numbers that hold them.
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
      `spine: "${name}" is a ${from.name}, and the pipeline wants a ${type.name}`,
      { path: `spine.${name}` },
    );
  }
  const cells = Array.from({ length: column.rows }, (_, row): Cell => {
    const cell = cellAt(column, row) as number | bigint | null;
    if (cell === null) return null;
    const number = Number(cell);
    const whole =
      type.element === 'int32'
        ? (number | 0) === number
        : type.element === 'int64'
          ? Number.isInteger(number)
          : true;
    if (whole && (typeof cell !== 'bigint' || BigInt(number) === cell)) return number;
    throw new VivaceError('INVALID_ARGUMENT', `spine: ${cell} in "${name}" is no ${type.name}`, {
      path: `spine.${name}`,
    });
  });
  return columnOf(type, cells);
}
