import {
  FeatureRows,
  microsPerDay,
  type CallContext,
  type Column,
  type FeatureView,
  type MaterializeProgress,
  type OnlineView,
  type RowBatch,
  type Warehouse,
} from 'vivace';
import { aggregation } from './aggregates.js';
import { explained } from './check.js';
import { KeptTables } from './kept-tables.js';
import { viewNotes } from './notes.js';
import { columnsOf, fieldsOf, plainRelation } from './relation.js';
import { adopt } from './rows.js';
import type { FoundSource } from './source.js';
import { usableSource } from './usable-source.js';

/** What a materialization needs beside its view. */
export interface Materialization {
  readonly warehouse: Warehouse;
  readonly online: OnlineView;
  /** Microseconds: rows up to here, inclusive. */
  readonly until: number;
  /** The available time of static rows, microseconds. */
  readonly now: number;
  readonly onProgress?: (progress: MaterializeProgress) => void;
  /** Says what is left out of the view, or null in it. */
  readonly say: (view: FeatureView, note: string) => void;
}

/** Copies the row of each key that counts. Rows that tie for the newest are all handed over: the online store keeps the right one. */
export async function materialize(
  view: FeatureView,
  work: Materialization,
  context: CallContext,
): Promise<MaterializeProgress> {
  const { warehouse } = work;
  const source = await usableSource(view, warehouse, context);
  try {
    await using tables = new KeptTables(warehouse, context);
    const { rows, total } = await rowsToCopy(view, source, { ...work, tables, context });
    return await copy(view, rows, { ...work, total }, context);
  } catch (error) {
    throw await explained(error, source, { warehouse, context });
  }
}

/** A query of the rows to copy, and their number. */
async function rowsToCopy(
  view: FeatureView,
  source: FoundSource,
  { tables, say, ...work }: Materialization & { tables: KeptTables; context: CallContext },
): Promise<{ readonly rows: string; readonly total: number }> {
  const { warehouse, context, until } = work;
  const sayNotes = async (rows: string): Promise<void> => {
    for (const note of await viewNotes(view, rows, { source, warehouse, context })) say(view, note);
  };
  const kept = async (sql: string): Promise<{ readonly rows: string; readonly total: number }> => {
    const rows = `SELECT * FROM ${await tables.keep({ sql })}`;
    return { rows, total: await countRows(warehouse, rows, context) };
  };
  const { keys, all } = columnsOf(view);
  if (view.isAggregate) {
    const { tiles, rows } = aggregation(view, source, warehouse.dialect);
    const table = await tables.keep({ sql: tiles });
    await sayNotes(table);
    return kept(`SELECT ${all.join(', ')} FROM (${rows(momentsOf(view, table, work), table)}) AS r`);
  }
  const relation = plainRelation(view, source, warehouse.dialect);
  if (warehouse.dialect.remote === true) {
    const newest = await kept(newestRows(view, relation, work));
    await sayNotes(`(${newest.rows}) AS r`);
    return newest;
  }
  await sayNotes(`(${relation}) AS r`);
  if (view.isStatic)
    return {
      rows: `SELECT ${all.join(', ')} FROM (${relation}) AS r`,
      total: await countRows(warehouse, relation, context),
    };
  // Plain rows are cheaper to read twice than to keep.
  const known = `(SELECT * FROM (${relation}) AS r WHERE event_time <= ${until} AND available_time <= ${until})`;
  const newest = await tables.keep({
    sql: `SELECT ${keys.join(', ')}, MAX(event_time) AS event_time FROM ${known} AS known GROUP BY ${keys.join(', ')}`,
  });
  return {
    rows: `SELECT ${all.map((name) => `known.${name}`).join(', ')} FROM ${known} AS known JOIN ${newest} AS newest ON
    ${[...keys, 'event_time'].map((name) => `known.${name} = newest.${name}`).join(' AND ')}`,
    total: await countRows(warehouse, `SELECT * FROM ${newest}`, context),
  };
}

/** The moment of a run, for each key that has an event by then. */
function momentsOf(
  view: FeatureView,
  tiles: string,
  { until, warehouse: { dialect } }: Pick<Materialization, 'until' | 'warehouse'>,
): string {
  const { keys } = columnsOf(view);
  const day = dialect.floorDivide(String(until), String(microsPerDay));
  return `SELECT DISTINCT ${keys.join(', ')}, ${day} AS day, ${until} AS since FROM ${tiles} AS t WHERE available_time <= ${until}`;
}

/** The bytes that a materialization of a view would be billed for, where the warehouse bills. */
export async function estimate(
  view: FeatureView,
  work: Pick<Materialization, 'warehouse' | 'until'>,
  context: CallContext,
): Promise<{ readonly bytes: number } | undefined> {
  const { warehouse } = work;
  if (warehouse.estimate === undefined) return undefined;
  const source = await usableSource(view, warehouse, context);
  const sql = view.isAggregate
    ? aggregation(view, source, warehouse.dialect).tiles
    : newestRows(view, plainRelation(view, source, warehouse.dialect), work);
  return warehouse.estimate({ sql }, context);
}

/** One query of the rows to copy, which reads its source once; what is billed is there. */
function newestRows(view: FeatureView, relation: string, { until }: Pick<Materialization, 'until'>): string {
  const { keys, all } = columnsOf(view);
  if (view.isStatic) return relation;
  return `SELECT ${all.join(', ')} FROM (
  SELECT *, RANK() OVER (PARTITION BY ${keys.join(', ')} ORDER BY event_time DESC) AS place
  FROM (${relation}) AS r WHERE event_time <= ${until} AND available_time <= ${until}
) AS ranked WHERE place = 1`;
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
  const order =
    work.warehouse.dialect.remote === true ? '' : ` ORDER BY ${view.entity.map((_, i) => i + 1).join(', ')}`;
  const statement = { sql: `${sql}${order}`, fields: fieldsOf(view) };
  for await (const batch of work.warehouse.query(statement, context)) {
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
  out.setAllPresent();
  // Keys: names of columns.
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
