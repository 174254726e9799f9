import {
  FeatureRows,
  type CallContext,
  type Column,
  type FeatureView,
  type MaterializeProgress,
  type OnlineView,
  type RowBatch,
  type Warehouse,
} from 'vivace';
import { columnsOf } from './relation.js';
import { adopt } from './rows.js';
import { viewRelation } from './view-relation.js';

/** What a materialization needs beside its view. */
export interface Materialization {
  readonly warehouse: Warehouse;
  readonly online: OnlineView;
  /** Microseconds: rows up to here, inclusive. */
  readonly until: number;
  /** The available time of static rows, microseconds. */
  readonly now: number;
  readonly onProgress?: (progress: MaterializeProgress) => void;
}

/** Copies the newest row of each key. Rows that tie for the newest are all handed over: the online store keeps the right one. */
export async function materialize(
  view: FeatureView,
  work: Materialization,
  context: CallContext,
): Promise<MaterializeProgress> {
  const { warehouse } = work;
  const relation = await viewRelation(view, warehouse, context);
  const { keys, all } = columnsOf(view);
  if (view.isStatic) {
    const total = await countRows(warehouse, relation, context);
    return copy(view, `SELECT ${all.join(', ')} FROM (${relation}) AS r`, { ...work, total }, context);
  }
  const newestOf = (rows: string): Promise<MaterializeProgress> => {
    const known = `(SELECT * FROM ${rows} WHERE event_time <= ${work.until} AND available_time <= ${work.until})`;
    const newest = `SELECT ${keys.join(', ')}, MAX(event_time) AS event_time FROM ${known} AS known GROUP BY ${keys.join(', ')}`;
    return warehouse.withQuery(
      { sql: newest },
      async (table) => {
        const total = await countRows(warehouse, `SELECT * FROM ${table}`, context);
        const join = `SELECT ${all.map((name) => `known.${name}`).join(', ')} FROM ${known} AS known JOIN ${table} AS newest ON
          ${[...keys, 'event_time'].map((name) => `known.${name} = newest.${name}`).join(' AND ')}`;
        return copy(view, join, { ...work, total }, context);
      },
      context,
    );
  };
  // Aggregates are folded once and kept; plain rows are cheaper to read twice than to keep.
  return view.isAggregate
    ? warehouse.withQuery({ sql: relation }, newestOf, context)
    : newestOf(`(${relation}) AS r`);
}

async function copy(
  view: FeatureView,
  sql: string,
  work: Materialization & { readonly total: number },
  context: CallContext,
): Promise<MaterializeProgress> {
  let progress: MaterializeProgress = { rows: 0, written: 0, total: work.total };
  // The next batch is read while the last is written.
  let writing: Promise<number> = Promise.resolve(0);
  // In the order of keys: a store that is a tree then writes each of its pages once, instead of one page per row.
  const inOrder = `${sql} ORDER BY ${view.entity.map((_, i) => i + 1).join(', ')}`;
  for await (const batch of work.warehouse.query({ sql: inOrder }, context)) {
    progress = { ...progress, written: progress.written + (await writing) };
    work.onProgress?.(progress);
    writing = Promise.resolve(write(view, batch, work, context));
    writing.catch(() => undefined);
    progress = { ...progress, rows: progress.rows + batch.rows };
  }
  progress = { ...progress, written: progress.written + (await writing) };
  work.onProgress?.(progress);
  return progress;
}

function write(
  view: FeatureView,
  batch: RowBatch,
  { online, now }: Materialization,
  context: CallContext,
): number | Promise<number> {
  const { rows, columns } = batch;
  const keyCount = view.entity.length;
  const out = new FeatureRows(view.features, rows);
  const event = (columns[keyCount] as Column).values as BigInt64Array;
  const available = (columns[keyCount + 1] as Column).values as BigInt64Array;
  for (let row = 0; row < rows; row++) {
    out.eventTime[row] = Number(event[row]);
    out.availableTime[row] = view.isStatic ? now : Number(available[row]);
  }
  out.columns.forEach((writer, i) => adopt(writer, columns[keyCount + 2 + i] as Column));
  const places = new Map(view.entity.map(({ name }, i) => [name, columns[i] as Column]));
  return online.write({ rows, time: 0, column: (name) => places.get(name) as Column }, out, context);
}

async function countRows(warehouse: Warehouse, sql: string, context: CallContext): Promise<number> {
  for await (const { columns } of warehouse.query(
    { sql: `SELECT COUNT(*) AS n FROM (${sql}) AS r` },
    context,
  )) {
    return Number(columns[0]!.values[0]);
  }
  return 0;
}
