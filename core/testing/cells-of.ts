import { cellAt, type Cell } from '../data/column.js';
import type { RowBatch } from '../ports/warehouse.js';

/** The cells of batches, row by row. */
export async function cellsOf(batches: AsyncIterable<RowBatch> | Iterable<RowBatch>): Promise<Cell[][]> {
  const rows: Cell[][] = [];
  for await (const batch of batches)
    for (let row = 0; row < batch.rows; row++) rows.push(batch.columns.map((column) => cellAt(column, row)));
  return rows;
}
