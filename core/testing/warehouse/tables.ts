import { cellAt, columnOf, type Cell } from '../../data/column.js';
import { fieldsOf, type Field } from '../../data/feature-rows.js';
import { parseType } from '../../data/types.js';
import { instantOf } from '../../kernel/time.js';
import type { RowBatch, TableRows, Warehouse } from '../../ports/warehouse.js';
import { batchOf } from '../cells-of.js';
import { callContext as context } from '../start-part.js';

/** Makes a table of the rows of a query, in place of one of that name. */
export async function createTable(lake: Warehouse, name: string, query: string): Promise<void> {
  const sql = `CREATE OR REPLACE TABLE ${lake.dialect.table(name)} AS ${query}`;
  for await (const _ of lake.query({ sql }, context(60_000)));
}

/** A value of each scalar type, by its name. */
export const samples: Record<string, Cell> = {
  float32: 0.5,
  float64: Math.PI,
  int32: -2_147_483_648,
  int64: -9_223_372_036_854_775_808n,
  bool: true,
  string: 'zażółć gęślą',
  timestamp: instantOf('1905-02-03T00:00:00.000007Z')!,
  bytes: Uint8Array.of(0, 255, 1),
};

/** A table of plain rows; its columns are named after their types unless `names` has others. */
export function table(
  types: readonly string[],
  rows: readonly (readonly Cell[])[],
  names = types.map((type) => `c_${type}`),
): TableRows {
  const fields = types.map((type, i) => ({ name: names[i] as string, type: parseType(type) }));
  return { fields, batches: [batchOf(fields, rows)] };
}

/** A table of one int64 column. */
export function integers(name: string, rows: number, value: (row: number) => number): TableRows {
  const fields = fieldsOf({ [name]: 'int64' });
  const values = Array.from({ length: rows }, (_, row) => BigInt(value(row)));
  return { fields, batches: [{ fields, rows, columns: [columnOf(fields[0]!.type, values)] }] };
}

/** All rows that a query gives, and the fields of its batches. */
export async function readAll(
  batches: AsyncIterable<RowBatch>,
): Promise<{ fields: readonly Field[]; rows: Cell[][] }> {
  let fields: readonly Field[] = [];
  const rows: Cell[][] = [];
  for await (const batch of batches) {
    fields = batch.fields;
    for (let row = 0; row < batch.rows; row++) rows.push(batch.columns.map((column) => cellAt(column, row)));
  }
  return { fields, rows };
}
