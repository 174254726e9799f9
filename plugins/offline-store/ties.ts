import {
  columnOf,
  cellAt,
  FeatureRows,
  type CallContext,
  type Cell,
  type Column,
  type FeatureView,
  type Field,
  type RowBatch,
  type TextKey,
  type Warehouse,
} from 'vivace';
import { encodeRowKeys, RowCodec } from 'vivace/wire';
import type { KeptTables } from './kept-tables.js';
import { columnsOf, fieldsOf } from './relation.js';
import { adopt } from './rows.js';

/**
 * Of rows with equal key and times, an online store keeps the bytewise greater one. Engines know nothing of our bytes, so where there
 * are such rows they are compared here.
 *
 * @param tables Holds what the answer reads.
 * @returns A query of the relation without ties.
 */
export async function withoutTies(
  view: FeatureView,
  relation: string,
  { warehouse, tables, context }: { warehouse: Warehouse; tables: KeptTables; context: CallContext },
): Promise<string> {
  const columns = columnsOf(view);
  const identity = [...columns.keys, 'event_time', 'available_time'];
  const names = identity.join(', ');
  const ties = await tables.keep({
    sql: `SELECT ${names} FROM (${relation}) AS r GROUP BY ${names} HAVING COUNT(*) > 1`,
  });
  const tied = `SELECT r.* FROM (${relation}) AS r JOIN ${ties} AS t USING (${names})`;
  const winners = await greatestRows(view, warehouse.query({ sql: tied, fields: fieldsOf(view) }, context));
  if (winners === undefined) return relation;
  const won = await tables.load(winners);
  const equal = identity.map((name) => `t.${name} = r.${name}`).join(' AND ');
  const all = columns.all.join(', ');
  return `SELECT ${all} FROM (${relation}) AS r WHERE NOT EXISTS (SELECT 1 FROM ${ties} AS t WHERE ${equal})
UNION ALL SELECT ${all} FROM ${won} AS w`;
}

interface Winner {
  readonly bytes: Uint8Array;
  readonly cells: readonly Cell[];
}

async function greatestRows(
  view: FeatureView,
  batches: AsyncIterable<RowBatch>,
): Promise<{ fields: readonly Field[]; batches: RowBatch[] } | undefined> {
  const codec = new RowCodec(view.features);
  const greatest = new Map<TextKey, Winner>();
  let fields: readonly Field[] = [];
  for await (const batch of batches) {
    fields = batch.fields;
    const encoded = encodeRows(view, codec, batch);
    encoded.keys.forEach((key, row) => {
      const bytes = encoded.values[row] as Uint8Array;
      const known = greatest.get(key);
      if (known !== undefined && Buffer.compare(known.bytes, bytes) >= 0) return;
      greatest.set(key, { bytes: bytes.slice(), cells: batch.columns.map((column) => cellAt(column, row)) });
    });
  }
  if (greatest.size === 0) return undefined;
  const rows = [...greatest.values()];
  const columns = fields.map(({ type }, i) =>
    columnOf(
      type,
      rows.map(({ cells }) => cells[i] as Cell),
    ),
  );
  return { fields, batches: [{ fields, columns, rows: rows.length }] };
}

function encodeRows(
  view: FeatureView,
  codec: RowCodec,
  { columns, rows }: RowBatch,
): { keys: TextKey[]; values: Uint8Array[] } {
  const keyCount = view.entity.length;
  const out = new FeatureRows(view.features, rows);
  out.columns.forEach((writer, i) => adopt(writer, columns[keyCount + 2 + i] as Column));
  const times = [columns[keyCount] as Column, columns[keyCount + 1] as Column];
  const keys = encodeRowKeys('', [...columns.slice(0, keyCount), ...times], rows);
  return {
    keys,
    values: codec.encode(
      out,
      out.columns.map((writer) => writer.finish()),
    ),
  };
}
