import type { Server } from '../composition/server-interface.js';
import { didYouMean } from '../config/did-you-mean.js';
import type { Field } from '../data/feature-rows.js';
import { dayOf, formatInstant, instantOfMillis, microsPerDay, startOfDay } from '../kernel/time.js';
import { VivaceError } from '../kernel/errors.js';
import type { CallContext } from '../kernel/call.js';
import { fieldsIn, type Plan } from '../pipeline/plan.js';
import type { OfflineStore, Spine } from '../ports/offline-store.js';
import { servedLog, type LogDays, type LogFile, type ServedLog } from '../ports/served-log.js';
import type { RowBatch } from '../ports/warehouse.js';
import { ServedRows } from '../steps/record/served-rows.js';
import { fitted } from './logged-cells.js';
import type { BoundServed, BoundSpine } from './spine.js';

/** The log of a pipeline. */
export interface PipelineLog {
  readonly plan: Plan;
  /** The served-log part. */
  readonly part: string;
  /** The columns of its files, as they are written today. */
  readonly fields: readonly Field[];
}

/**
 * The log that a pipeline writes.
 *
 * @param path What names the pipeline, for the error.
 * @throws {VivaceError} `NOT_FOUND` where there is no such pipeline, `FAILED_PRECONDITION` for one that is not logged.
 */
export function logOf(server: Pick<Server, 'plans'>, pipeline: string, path = 'spine.served'): PipelineLog {
  const plan = server.plans.get(pipeline);
  if (plan === undefined) {
    const message = `there is no pipeline "${pipeline}"${didYouMean(pipeline, server.plans.keys())}`;
    throw new VivaceError('NOT_FOUND', message, { path });
  }
  const { record } = plan;
  if (record === false || record.served === undefined) {
    throw new VivaceError(
      'FAILED_PRECONDITION',
      `the pipeline "${pipeline}" is not logged: say where, with \`record: { served: { in: … } }\``,
      { path },
    );
  }
  return { plan, part: record.served.in, fields: new ServedRows(plan, record.served).fields };
}

/** A spine over a table that holds the rows of a log; the table is dropped when it is disposed of. */
export interface LoadedSpine extends AsyncDisposable {
  readonly spine: BoundSpine;
}

/**
 * Loads the rows of a log into a table of the warehouse, and makes the spine a query of it.
 *
 * @throws {VivaceError} `FAILED_PRECONDITION` where the log has no files, or the offline store loads no rows; `DATA_LOSS` for a broken file.
 */
export async function loadServed(
  server: Server,
  { bound, served, plan, store }: { bound: BoundSpine; served: BoundServed; plan: Plan; store: OfflineStore },
  context: CallContext,
): Promise<LoadedSpine> {
  const source = logOf(server, served.pipeline);
  const log = server.part(servedLog, source.part);
  if (store.load === undefined)
    throw new VivaceError('FAILED_PRECONDITION', 'the offline store takes no rows from elsewhere');
  const { spine } = bound;
  const files = await log.files(
    { kind: 'served', name: served.pipeline },
    daysOf(spine, source.plan),
    context,
  );
  if (files.length === 0)
    throw new VivaceError(
      'FAILED_PRECONDITION',
      `the log of "${served.pipeline}" has no files${spine.fromMs === undefined && spine.toMs === undefined ? '' : ' of these days'}`,
      { path: 'spine.served' },
    );
  const fields = fieldsToLoad(source, plan, served);
  const table = await store.load({ fields, batches: rowsOf(log, files, { fields, context }) }, context);
  const from = `SELECT * FROM ${table.name}`;
  const query =
    served.query === undefined ? from : `WITH served AS (${from}) SELECT * FROM (${served.query}\n) AS q`;
  return {
    spine: { ...bound, spine: { ...spine, query } },
    [Symbol.asyncDispose]: async () => table[Symbol.asyncDispose](),
  };
}

/**
 * The days of the files that hold some request times. Where requests bring a time of their own, it says nothing about when they were
 * answered.
 */
export function daysOf({ fromMs, toMs }: Pick<Spine, 'fromMs' | 'toMs'>, { time }: Plan): LogDays {
  if (time !== undefined) return {};
  const day = (ms: number, by: number): string =>
    formatInstant(startOfDay(dayOf(instantOfMillis(ms) + by * microsPerDay)))!.slice(0, 10);
  // A request is answered after it has arrived.
  return {
    ...(fromMs === undefined ? {} : { from: day(fromMs, 0) }),
    ...(toMs === undefined ? {} : { to: day(toMs, 1) }),
  };
}

/** What the pipeline logs today, and what the run needs besides; names of features for which defaults stood in as one text. */
function fieldsToLoad({ fields }: PipelineLog, plan: Plan, { cells }: BoundServed): readonly Field[] {
  const scopes = fieldsIn(plan).map(({ place }) => plan.columns[place]!);
  // Keys: names of columns.
  const wanted = new Map<string, Field>(fields.map((field) => [field.name, field]));
  for (const { name, type } of [...scopes, ...cells]) wanted.set(name, { name, type });
  return [...wanted.values()];
}

/** The rows of files of a log, with the columns that are wanted: null where a file lacks one. */
export async function* rowsOf(
  log: ServedLog,
  files: readonly LogFile[],
  { fields, context }: { fields: readonly Field[]; context: CallContext },
): AsyncGenerator<RowBatch> {
  const names = fields.map(({ name }) => name);
  for (const file of files) {
    for await (const batch of log.rows(file, names, context)) {
      const columns = fields.map((field) => {
        const at = batch.fields.findIndex(({ name }) => name === field.name);
        return fitted(at < 0 ? undefined : batch.columns[at], field, batch.rows);
      });
      yield { fields, rows: batch.rows, columns };
    }
  }
}
