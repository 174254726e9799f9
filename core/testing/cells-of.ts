import { cellAt, columnOf, type Cell } from '../data/column.js';
import type { Field } from '../data/feature-rows.js';
import type { RowBatch } from '../ports/warehouse.js';

/** The cells of batches, row by row. */
export async function cellsOf(batches: AsyncIterable<RowBatch> | Iterable<RowBatch>): Promise<Cell[][]> {
  const rows: Cell[][] = [];
  for await (const batch of batches)
    for (let row = 0; row < batch.rows; row++) rows.push(batch.columns.map((column) => cellAt(column, row)));
  return rows;
}

/** Rows of cells as a batch. */
export function batchOf(fields: readonly Field[], rows: readonly (readonly Cell[])[]): RowBatch {
  const columns = fields.map(({ type }, i) =>
    columnOf(
      type,
      rows.map((row) => row[i] as Cell),
    ),
  );
  return { fields, rows: rows.length, columns };
}
