import { inject, injectable, optional } from 'inversify';
import { gather } from '../../data/column-appender.js';
import type { Column } from '../../data/column.js';
import { FeatureRows, type Keys } from '../../data/feature-rows.js';
import type { FetchedRows, Frame, FrameColumn, KeptRows } from '../../data/frame.js';
import { status } from '../../data/status.js';
import { asVivaceError, VivaceError } from '../../kernel/errors.js';
import { LazyDeadline } from '../../kernel/lazy-deadline.js';
import { isThenable } from '../../kernel/thenable.js';
import { untilAborted } from '../../kernel/until-aborted.js';
import { columnAt, keptBy, scatter } from '../../pipeline/inputs.js';
import type { NodeRun } from '../../pipeline/run.js';
import { stepNode, stepSlot, type NodeStep } from '../../pipeline/step-definition.js';
import type { Cache } from '../../ports/cache.js';
import type { FeatureSource } from '../../ports/feature-source.js';
import type { Call } from '../../kernel/call.js';
import { CacheFeatures } from '../cache/cache-features.js';
import { pipelineCounters, type PipelineCounters } from '../counters.js';
import { longestKeyText } from '../../pipeline/text-limits.js';
import { distinctRows, type DistinctRows } from './distinct-rows.js';
import type { FeatureCounters } from '../feature-counters.js';
import { KeyColumns } from './key-columns.js';
import type { FetchNode } from './node.js';
import { resolveRows, type ResolvedRows } from './policy.js';

/**
 * Fetches a source's features for each row's key: each distinct key is read once, and missing values are replaced as the fetch declares.
 */
@injectable()
export class FetchFeatures implements NodeStep {
  readonly #node: FetchNode;
  readonly #source: FeatureSource;
  readonly #counters: FeatureCounters;
  readonly #counter: number;

  constructor(
    @inject(stepNode) node: FetchNode,
    @inject(stepSlot('source')) source: FeatureSource,
    @inject(stepSlot('cache')) @optional() cache: Cache | undefined,
    @inject(pipelineCounters) counters: PipelineCounters,
  ) {
    this.#node = node;
    this.#source =
      cache === undefined || node.cache === undefined
        ? source
        : new CacheFeatures(node, {
            source,
            cache,
            ttlMs: node.cache.ttlMs,
            counts: counters.cache(node.alias),
          });
    this.#counters = counters.features;
    this.#counter = counters.features.register(node);
  }

  run(context: NodeRun): void | Promise<void> {
    const { frame } = context;
    const node = this.#node;
    const kept = keptBy(node, frame);
    const count = kept?.rows.length ?? frame.rows(node.scope);
    const columns = node.reads.map((read) => {
      const column = columnAt(frame, read, node.scope);
      return kept === undefined ? column : gather(column, kept.rows);
    });
    const time =
      frame.requests === 1 ? (frame.time[0] as number) : pickTime(timePerRow(frame, node.scope), kept?.rows);
    // Rows that are read as of a time differ in their time as well as in their key.
    const distinct = distinctRows(columns, count, {
      merge: typeof time === 'number' || node.history === 'pure',
      ...(node.unchecked.length === 0
        ? {}
        : {
            limited: {
              columns: node.unchecked.map((at) => columns[at] as Column),
              maxLength: longestKeyText,
            },
          }),
    });
    const rows = new FeatureRows(node.features, distinct === undefined ? count : distinct.first.length);
    const finish = (read: FeatureRows): void => this.#finish(context, { rows: read, time, distinct, kept });
    if (rows.rows === 0) return finish(rows);
    const keys = new KeyColumns(
      node,
      distinct === undefined ? columns : columns.map((column) => gather(column, distinct.first)),
      {
        rows: rows.rows,
        time: pickTime(time, distinct?.first),
      },
    );
    const outage = (error: unknown): FeatureRows => this.#outage(rows.rows, error, context);
    const settled = (): FeatureRows => {
      rows.settle(node.part, !node.isStatic);
      return rows;
    };
    let read: FeatureRows;
    try {
      const reading = this.#read(keys, rows, context);
      if (reading !== undefined) return reading.then(settled).catch(outage).then(finish);
      read = settled();
    } catch (error) {
      read = outage(error);
    }
    return finish(read);
  }

  #read(keys: Keys, rows: FeatureRows, { fetchCall }: NodeRun): Promise<void> | undefined {
    const { budgetMs } = this.#node;
    const budget = budgetMs === undefined ? undefined : budgetOf(fetchCall, budgetMs);
    const call = budget === undefined ? fetchCall : callUnder(fetchCall, budget);
    let reading: void | PromiseLike<void> = undefined;
    try {
      reading = this.#source.read(keys, rows, call);
    } finally {
      if (!isThenable(reading)) budget?.end();
    }
    if (!isThenable(reading)) return undefined;
    const read = untilAborted(Promise.resolve(reading), call.signal);
    return budget === undefined ? read : read.finally(() => budget.end());
  }

  /**
   * Nothing was read, so every row failed, unless the request itself has ended. The rows are new ones, because an abandoned source may
   * still write into those that it got.
   */
  #outage(count: number, error: unknown, context: NodeRun): FeatureRows {
    if (context.call.signal.aborted) throw error;
    const failure = asVivaceError(error);
    const rows = new FeatureRows(this.#node.features, count);
    for (let row = 0; row < count; row++) rows.setFailed(row, failure);
    return rows;
  }

  #finish(
    context: NodeRun,
    read: {
      rows: FeatureRows;
      time: number | Float64Array;
      distinct: DistinctRows | undefined;
      kept: KeptRows | undefined;
    },
  ): void {
    const { frame } = context;
    const node = this.#node;
    const { distinct } = read;
    const times = pickTime(read.time, distinct?.first);
    const resolved = resolveRows(
      node,
      distinct === undefined ? read.rows : padded(node, read.rows, distinct),
      times,
    );
    const { rows, columns, skip } = distinct === undefined ? resolved : spread(resolved, distinct.rowOf);
    this.#write(
      frame,
      read.kept === undefined
        ? { rows, columns, skip }
        : inPlace({ rows, columns, skip }, read.kept, frame.objects),
    );
    this.#counters.add(this.#counter, columns, {
      rows: rows.status.length,
      future: countFuture(node, rows, read.time),
    });
    report(context, node.alias, rows.status, resolved.error);
  }

  #write(frame: Frame, { rows, columns, skip }: SpreadRows): void {
    const node = this.#node;
    frame.fetched[node.index] = rows;
    columns.forEach((column, i) => frame.write(node.writes[i]!.place, column));
    if (skip !== undefined && node.skips !== undefined)
      frame.skip(node.skips, objectsOf(frame, node.scope, skip));
  }
}

/** The time of one fetch that has a budget of its own. */
function budgetOf(outer: Call, budgetMs: number): LazyDeadline {
  return new LazyDeadline({
    at: performance.now() + budgetMs,
    outer: () => outer.signal,
    late: () => new VivaceError('DEADLINE_EXCEEDED', `the budget of ${budgetMs} ms has passed`),
  });
}

function callUnder(outer: Call, budget: LazyDeadline): Call {
  return outer.derive({
    signal: () => budget.signal,
    deadline: Math.min(budget.at, outer.deadline ?? Infinity),
  });
}

function timePerRow(frame: Frame, scope: 'request' | 'object'): Float64Array {
  return scope === 'request'
    ? frame.time
    : Float64Array.from(frame.requestOf, (request) => frame.time[request] as number);
}

function pickTime(time: number | Float64Array, rows: Uint32Array | undefined): number | Float64Array {
  return typeof time === 'number' || rows === undefined
    ? time
    : Float64Array.from(rows, (row) => time[row] as number);
}

/** Rows whose event time lies after the request time. */
function countFuture(
  node: FetchNode,
  { status: statuses, eventTime }: FetchedRows,
  time: number | Float64Array,
): number {
  if (node.isStatic) return 0;
  let future = 0;
  for (let row = 0; row < statuses.length; row++) {
    if (statuses[row] !== status.PRESENT) continue;
    if ((eventTime[row] as number) > (typeof time === 'number' ? time : (time[row] as number))) future++;
  }
  return future;
}

/** Rows in the places of all rows of a scope. */
export type SpreadRows = Pick<ResolvedRows, 'rows' | 'columns'> & { readonly skip: Uint8Array | undefined };

/** Puts the rows of the remaining objects in their places among all rows; the others are SKIPPED. */
function inPlace({ rows, columns, skip }: SpreadRows, kept: KeptRows, total: number): SpreadRows {
  const place = <A extends Uint8Array | Float64Array>(values: A, all: A): A => {
    kept.rows.forEach((row, i) => (all[row] = values[i] as number));
    return all;
  };
  const statuses = (values: Uint8Array): Uint8Array =>
    place(values, new Uint8Array(total).fill(status.SKIPPED));
  return {
    rows: {
      status: statuses(rows.status),
      eventTime: place(rows.eventTime, new Float64Array(total)),
      availableTime: place(rows.availableTime, new Float64Array(total)),
    },
    columns: columns.map((column) => {
      const placed = scatter(column, kept.rows, total);
      return column.status === undefined ? placed : { ...placed, status: statuses(column.status) };
    }),
    skip: skip === undefined ? undefined : place(skip, new Uint8Array(total)),
  };
}

/** Spreads distinct rows back over all rows. */
export function spread({ rows, columns, skip }: ResolvedRows, rowOf: Uint32Array): SpreadRows {
  return {
    rows: {
      status: Uint8Array.from(rowOf, (row) => rows.status[row] as number),
      eventTime: Float64Array.from(rowOf, (row) => rows.eventTime[row] as number),
      availableTime: Float64Array.from(rowOf, (row) => rows.availableTime[row] as number),
    },
    columns: columns.map((column) => gatherColumn(column, rowOf)),
    skip: skip === undefined ? undefined : Uint8Array.from(rowOf, (row) => skip[row] as number),
  };
}

/** With more rows, where there are keys to read nothing for: one that is MISSING, for null keys, and one that FAILED, for long ones. */
export function padded(
  node: Pick<FetchNode, 'alias' | 'features' | 'reads' | 'unchecked'>,
  rows: FeatureRows,
  { nullRow, longRow }: DistinctRows,
): FeatureRows {
  const total = Math.max(nullRow ?? -1, longRow ?? -1) + 1;
  if (total === 0) return rows;
  const padded = new FeatureRows(node.features, total);
  rows.columns.forEach((writer, i) => padded.columns[i]!.copy(writer.finish()));
  padded.eventTime.set(rows.eventTime);
  padded.availableTime.set(rows.availableTime);
  padded.status.set(rows.status);
  rows.status.forEach((code, row) => {
    if (code === status.FAILED && rows.error !== undefined) padded.setFailed(row, rows.error);
  });
  if (nullRow !== undefined) padded.setMissing(nullRow);
  if (longRow !== undefined) padded.setFailed(longRow, longKey(node));
  return padded;
}

function longKey({ alias, reads, unchecked }: Pick<FetchNode, 'alias' | 'reads' | 'unchecked'>): VivaceError {
  const names = unchecked.map((at) => `"${reads[at]!.name}"`).join(' or ');
  return new VivaceError(
    'INVALID_ARGUMENT',
    `"${alias}": ${names} has more than ${longestKeyText} UTF-16 units, and so cannot be a key`,
  );
}

function gatherColumn(column: FrameColumn, index: Uint32Array): FrameColumn {
  const gathered = gather(column, index);
  return column.status === undefined
    ? gathered
    : { ...gathered, status: Uint8Array.from(index, (row) => column.status![row] as number) };
}

/** Flags per object from flags per row of a scope: a flagged request leaves out all of its objects. */
function objectsOf(frame: Frame, scope: 'request' | 'object', skip: Uint8Array): Uint8Array {
  return scope === 'object' ? skip : Uint8Array.from(frame.requestOf, (request) => skip[request] as number);
}

function report(context: NodeRun, step: string, statuses: Uint8Array, error: VivaceError | undefined): void {
  const counts = { MISSING: 0, STALE: 0, FAILED: 0 };
  for (const code of statuses) {
    if (code === status.MISSING) counts.MISSING++;
    else if (code === status.STALE) counts.STALE++;
    else if (code === status.FAILED) counts.FAILED++;
  }
  for (const [name, rows] of Object.entries(counts) as [keyof typeof counts, number][]) {
    if (rows === 0) continue;
    context.degraded.push({
      step,
      status: name,
      rows,
      ...(name === 'FAILED' && error !== undefined ? { code: error.code } : {}),
    });
  }
}
