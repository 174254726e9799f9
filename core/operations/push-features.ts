import { viewNamed, whyNotPushed } from '../composition/feature-plane.js';
import type { Server } from '../composition/server-interface.js';
import { didYouMean } from '../config/did-you-mean.js';
import { cellAt } from '../data/column.js';
import type { ColumnType } from '../data/types.js';
import { parseType } from '../data/types.js';
import { jsonValue } from '../json/json-values.js';
import { eventTimeName, pushCodec } from '../json/push-codec.js';
import { Call, type CallContext } from '../kernel/call.js';
import type { VivaceError } from '../kernel/errors.js';
import { carriedFields, warehouse } from '../ports/warehouse.js';
import type { FeatureView } from '../views/view.js';
import { featureAccess } from './feature-access.js';
import { wrongOption } from './wrong-option.js';

/** Rows that are pushed at once. */
const batchRows = 5000;
/** Mistakes of which the report has the text. */
const mostMistakes = 1000;

/** A value of a row that is pushed: a key, the event time or a feature. */
export interface PushedColumn {
  readonly name: string;
  readonly type: ColumnType;
}

/** What a row that was not accepted has wrong. */
export interface RefusedRow {
  /** From 0, over all batches. */
  readonly row: number;
  /** The value at fault, such as `price`; empty for the whole row. */
  readonly path: string;
  readonly message: string;
}

/** How far a push has come. */
export interface PushProgress {
  readonly rows: number;
  readonly accepted: number;
  /** Rows that changed the store. */
  readonly written: number;
}

/** What became of rows that were pushed. */
export interface PushReport extends PushProgress {
  /** What is wrong with rows that were not accepted: the first thousand mistakes. */
  readonly errors: readonly RefusedRow[];
}

/** A table of a warehouse, or a file that it reads. */
export interface PushedTable {
  /** As a user writes it: `shop.prices`, `prices.parquet`. */
  readonly reference: string;
  /** The warehouse part. */
  readonly warehouse: string;
}

/** Rows to push, and who wants to know how it goes. */
export interface PushFeaturesOptions {
  readonly view: string;
  /** Rows as JSON has them, in batches of any size, or where a warehouse finds them. */
  readonly rows: AsyncIterable<readonly object[]> | PushedTable;
  readonly onProgress?: (progress: PushProgress) => void;
}

/**
 * The columns of rows that are pushed to a view: its keys, the event time, its features.
 *
 * @throws {VivaceError} `NOT_FOUND` where there is no such view, `INVALID_ARGUMENT` where its rows are not pushed.
 */
export function pushedColumns({ views }: Pick<Server, 'views'>, name: string): readonly PushedColumn[] {
  const view = viewNamed(views, name);
  const why = whyNotPushed(view);
  if (why !== undefined) throw wrongOption('view', why);
  return [...view.entity, { name: eventTimeName, type: parseType('timestamp') }, ...view.features];
}

/**
 * Checks the columns of a file before any of its rows is read.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` where it lacks a column, or has one that the view does not.
 */
export function checkPushedColumns(
  view: string,
  columns: readonly PushedColumn[],
  given: readonly string[],
): void {
  const names = columns.map(({ name }) => name);
  const unknown = given.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw wrongOption(
      'columns',
      `"${unknown}" is not a key or a feature of "${view}"${didYouMean(unknown, names)}`,
    );
  const twice = given.find((name, i) => given.indexOf(name) < i);
  if (twice !== undefined) throw wrongOption('columns', `there are two columns "${twice}"`);
  const missing = names.find((name) => !given.includes(name));
  if (missing !== undefined)
    throw wrongOption(
      'columns',
      `there is no column "${missing}", which every row of "${view}" has${missing === eventTimeName ? ': when its values began to hold' : ''}`,
    );
}

/**
 * Pushes rows to a view, batch by batch. It is safe to repeat: what is stored already is not written again.
 *
 * A new server starts the store of the view, and the warehouse; a server that has started is used as it is. In both cases the caller stops it.
 *
 * @throws {VivaceError} As `server.features.push`, where rows may not be stored; those of earlier batches are. `INVALID_ARGUMENT` where
 *   they would end with a store that only this process has.
 */
export async function pushFeatures(
  server: Server,
  { view: name, rows, onProgress }: PushFeaturesOptions,
  context: CallContext,
): Promise<PushReport> {
  pushedColumns(server, name);
  const own = server.control.state === 'created';
  const parts = 'reference' in rows ? [rows.warehouse] : [];
  const { view, plane, volatile } = await featureAccess(server, name, { context, parts });
  if (own && volatile) throw volatileStore(view, 'nothing would be left of the rows');
  const codec = pushCodec(plane.describePush(name));
  const errors: RefusedRow[] = [];
  let progress: PushProgress = { rows: 0, accepted: 0, written: 0 };
  const call = new Call({ requestId: 'push', signal: context.signal, deadline: context.deadline });
  const given = 'reference' in rows ? tableRows(server, name, { table: rows, context }) : rows;
  for await (const batch of inPushes(given)) {
    const outcome = await plane.push(name, () => codec.decode({ rows: batch }), call);
    for (const { row, path, message } of outcome.errors.slice(0, mostMistakes - errors.length))
      errors.push({ row: progress.rows + row, path: path.replace(/^rows\[\d+\]\.?/, ''), message });
    progress = {
      rows: progress.rows + batch.length,
      accepted: progress.accepted + outcome.accepted,
      written: progress.written + outcome.written,
    };
    onProgress?.(progress);
  }
  return { ...progress, errors };
}

/** The error for a view whose store another process has, or nobody. */
export function volatileStore({ name, store }: FeatureView, what: string): VivaceError {
  return wrongOption(
    'view',
    `"${name}" is in "${store}", whose rows end with its process, so ${what}: name a store that stays, such as lmdb or redis, or ask the server that runs`,
  );
}

/** Batches of a size that one push takes. */
async function* inPushes(batches: AsyncIterable<readonly object[]>): AsyncIterable<readonly object[]> {
  for await (const batch of batches)
    for (let from = 0; from < batch.length; from += batchRows) yield batch.slice(from, from + batchRows);
}

async function* tableRows(
  server: Server,
  view: string,
  { table, context }: { readonly table: PushedTable; readonly context: CallContext },
): AsyncIterable<readonly object[]> {
  const columns = pushedColumns(server, view);
  const lake = server.part(warehouse, table.warehouse);
  const { from, columns: described } = await lake.source(table.reference, [], context);
  checkPushedColumns(
    view,
    columns,
    described.map(({ name }) => name),
  );
  const fields = carriedFields(described);
  const names = fields.map(({ name }) => lake.dialect.identifier(name));
  const statement = { sql: `SELECT ${names.join(', ')} FROM ${from}`, fields };
  for await (const batch of lake.query(statement, context))
    yield Array.from({ length: batch.rows }, (_, row) =>
      Object.fromEntries(
        batch.columns.map((column, i) => [fields[i]!.name, jsonValue(cellAt(column, row), column)]),
      ),
    );
}
