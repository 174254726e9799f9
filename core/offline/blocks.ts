import { isDeepStrictEqual } from 'node:util';
import { concat, gather } from '../data/column-appender.js';
import { cellAt, type Column } from '../data/column.js';
import type { RowBatch } from '../ports/warehouse.js';

/** How many rows run together: enough for a join to pay off, few enough for bounded memory. */
const blockRows = 131_072;

/** The column of a spine that tells its groups apart, where it has any. */
export const groupColumn = 'group';

/** Rows of a spine in blocks to run together, none of which cuts a group. */
export async function* blocksOf(batches: AsyncIterable<RowBatch>): AsyncGenerator<RowBatch> {
  let held: RowBatch[] = [];
  let rows = 0;
  for await (const batch of batches) {
    held.push(batch);
    rows += batch.rows;
    if (rows < blockRows) continue;
    const block = joined(held, rows);
    // More of the last group may come.
    const whole = columnOfBatch(block, groupColumn) === undefined ? rows : (groupsOf(block).at(-2) as number);
    held = whole === rows ? [] : [part(block, whole, rows)];
    rows -= whole;
    if (whole > 0) yield held.length === 0 ? block : part(block, 0, whole);
  }
  if (rows > 0) yield joined(held, rows);
}

/**
 * The offsets of the groups of a block: consecutive rows of one time and one value of the column `group`; every row is one where there is no
 * such column.
 */
export function groupsOf(block: RowBatch): Uint32Array {
  const group = columnOfBatch(block, groupColumn);
  if (group === undefined) return Uint32Array.from({ length: block.rows + 1 }, (_, row) => row);
  const time = columnOfBatch(block, 'time')!.values as Float64Array;
  const begins: number[] = [];
  for (let row = 0; row < block.rows; row++)
    if (row === 0 || time[row] !== time[row - 1] || !isSame(group, row)) begins.push(row);
  return Uint32Array.from([...begins, block.rows]);
}

/** Whether a cell is that of the row before. */
export function isSame(column: Column, row: number): boolean {
  return isDeepStrictEqual(cellAt(column, row), cellAt(column, row - 1));
}

/** A column of a batch by its name. */
export function columnOfBatch({ fields, columns }: RowBatch, name: string): Column | undefined {
  return columns[fields.findIndex((field) => field.name === name)];
}

function joined(batches: readonly RowBatch[], rows: number): RowBatch {
  const { fields } = batches[0]!;
  return { fields, rows, columns: fields.map((_, i) => concat(batches.map((batch) => batch.columns[i]!))) };
}

function part({ fields, columns }: RowBatch, from: number, to: number): RowBatch {
  const rows = Uint32Array.from({ length: to - from }, (_, i) => from + i);
  return { fields, rows: rows.length, columns: columns.map((column) => gather(column, rows)) };
}
