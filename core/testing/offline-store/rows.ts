import { cellAt, columnOf, type Cell, type Column } from '../../data/column.js';
import { FeatureRows } from '../../data/feature-rows.js';
import { microsPerDay as day } from '../../kernel/time.js';
import type { OfflineStore } from '../../ports/offline-store.js';
import type { FeatureView } from '../../views/view.js';
import { RowCodec } from '../../wire/row-codec.js';
import { callContext as context } from '../start-part.js';

/** A key, and the day as of which its row is asked for. */
export type Request = readonly [key: Cell, day: number];

/** A row of an answer, in plain values. */
export interface Row {
  readonly cells: Cell[];
  readonly status: number;
  readonly event: number;
  readonly available: number;
}

/** What an as-of read of one view answers. */
export async function read(
  store: OfflineStore,
  of: FeatureView,
  requests: readonly Request[],
): Promise<FeatureRows> {
  await using reader = await store.openAsOf([of], context());
  return await reader.read(of, requested(of, requests), context());
}

/** The same in plain values. */
export async function asOf(
  store: OfflineStore,
  of: FeatureView,
  requests: readonly Request[],
): Promise<Row[]> {
  return rowsOf(await read(store, of, requests));
}

/** The columns of the entity that `keys` are, in its order. */
export function keyColumns(of: FeatureView, keys: readonly (readonly Cell[])[]): Column[] {
  return of.entity.map(({ type }, i) =>
    columnOf(
      type,
      keys.map((key) => key[i] as Cell),
    ),
  );
}

/** The requests of an as-of read. */
export function requested(
  of: FeatureView,
  requests: readonly Request[],
): { rows: number; columns: Column[]; time: Float64Array } {
  const time = Float64Array.from(requests, ([, at]) => Math.round(at * day));
  return {
    rows: requests.length,
    columns: keyColumns(
      of,
      requests.map(([key]) => [key]),
    ),
    time,
  };
}

/** Rows of an answer, in plain values. */
export function rowsOf(rows: FeatureRows): Row[] {
  const columns = rows.columns.map((column) => column.finish());
  return Array.from({ length: rows.rows }, (_, row) => ({
    cells: columns.map((column) => cellAt(column, row)),
    status: rows.status[row] as number,
    event: rows.eventTime[row] as number,
    available: rows.availableTime[row] as number,
  }));
}

/** The values of each row as they are stored online, in hex. */
export function bytesOf(of: FeatureView, rows: FeatureRows): string[] {
  const encoded = new RowCodec(of.features).encode(
    rows,
    rows.columns.map((column) => column.finish()),
  );
  return encoded.map((bytes) => Buffer.from(bytes).toString('hex'));
}

/** Of rows with equal times, the one whose stored bytes are the greatest. */
export function greatest(of: FeatureView, rows: readonly (readonly Cell[])[], time: number): readonly Cell[] {
  const out = new FeatureRows(of.features, rows.length);
  rows.forEach((cells, row) => cells.forEach((cell, i) => out.columns[i]!.set(row, cell)));
  out.eventTime.fill(time);
  out.availableTime.fill(time);
  const encoded = bytesOf(of, out);
  return rows[encoded.indexOf(encoded.toSorted().at(-1)!)]!;
}
