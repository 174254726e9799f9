import {
  coveredUntil,
  emptyLedger,
  formatInstant,
  instantOfMillis,
  isVivaceError,
  mergeSamples,
  microsPerDay,
  millisOf,
  VivaceError,
  type CallContext,
  type Dialect,
  type FeatureView,
  type Ledger,
  type LedgerKey,
  type Materialized,
  type MaterializeProgress,
  type MaterializeRun,
  type OnlineView,
  type SourceRead,
  type Warehouse,
} from 'vivace';
import { aggregation } from './aggregates.js';
import { explained } from './check.js';
import { closedPeriods, newestKnown, periodText, type ClosedPeriods } from './closed-periods.js';
import { copyRows, inOrder } from './copy-rows.js';
import { KeptTables } from './kept-tables.js';
import { keepsTiles, type TileUse } from './kept-tiles.js';
import { plainRelation } from './relation.js';
import { countRows, newestRows, rowsToCopy, type RowsToCopy, type Selection } from './rows-to-copy.js';
import { ledgerKey, lostOf, Sample } from './sample.js';
import { sourceRows, type FoundSource } from './source.js';
import { usableSource } from './usable-source.js';
import { beginOf } from './windows.js';

/** How often a run writes down how far it has come, milliseconds: one that is killed repeats at most that. */
const noteMs = 5000;

/** What a materialization needs beside its view. */
export interface Materialization {
  readonly warehouse: Warehouse;
  readonly online: OnlineView;
  /** How long the online store keeps a row, milliseconds; absent where rows stay. */
  readonly expiresAfterMs?: number | undefined;
  /** The clock, epoch milliseconds. */
  readonly now: () => number;
  readonly onProgress?: ((progress: MaterializeProgress) => void) | undefined;
  /** Says what is left out of the view, or null in it, and why everything is copied. */
  readonly say: (view: FeatureView, note: string) => void;
}

/** Copies to the online store what may have changed since its ledger was written, and writes that down. */
export async function materialize(
  view: FeatureView,
  run: MaterializeRun,
  work: Materialization,
  context: CallContext,
): Promise<Materialized> {
  const { warehouse } = work;
  const source = await usableSource(view, warehouse, context);
  try {
    return await new Run(view, source, { ...work, run, context }).materialize();
  } catch (error) {
    throw await explained(error, source, { warehouse, context });
  }
}

/** The bytes that a materialization of a view would be billed for, where the warehouse bills. */
export async function estimate(
  view: FeatureView,
  work: Pick<Materialization, 'warehouse'> & { readonly until: number },
  context: CallContext,
): Promise<{ readonly bytes: number } | undefined> {
  const { warehouse, until } = work;
  const { dialect } = warehouse;
  if (warehouse.estimate === undefined) return undefined;
  const source = await usableSource(view, warehouse, context);
  return warehouse.estimate({ sql: wholeSql(view, source, dialect, until) }, context);
}

/** A query that reads what a run without kept tiles reads. */
function wholeSql(view: FeatureView, source: FoundSource, dialect: Dialect, until = 0): string {
  return view.isAggregate
    ? aggregation(view, source, dialect).tiles
    : newestRows(view, plainRelation(view, source, dialect), { selection: { until }, dialect });
}

function added(
  read: SourceRead | undefined,
  { folded, compared, bytes }: NonNullable<RowsToCopy['read']>,
): SourceRead {
  return {
    rows: (read?.rows ?? 0) + folded,
    compared: (read?.compared ?? 0) + compared,
    ...(bytes === undefined ? {} : { bytes: (read?.bytes ?? 0) + bytes }),
  };
}

/** Some rows to copy. All keys are as of `selection.until` once it is done. */
interface Pass {
  readonly selection: Selection;
  /** The available time of all rows, microseconds, in place of their own. */
  readonly availableTime?: number;
}

/** What is to be done, and why everything is where an earlier run has copied everything. */
interface Plan {
  readonly passes: readonly Pass[];
  readonly until: number;
  readonly why?: string;
}

/** One materialization of a view. Times are microseconds. */
class Run {
  readonly #view: FeatureView;
  readonly #source: FoundSource;
  readonly #work: Materialization & { readonly run: MaterializeRun; readonly context: CallContext };
  readonly #startedAt: number;
  #ledger!: Ledger;
  #progress: MaterializeProgress = { rows: 0, written: 0, total: 0 };
  /** What was read of the source through kept tiles; `undefined` where none are. */
  #read: SourceRead | undefined;

  constructor(
    view: FeatureView,
    source: FoundSource,
    work: Materialization & { readonly run: MaterializeRun; readonly context: CallContext },
  ) {
    this.#view = view;
    this.#source = source;
    this.#work = work;
    this.#startedAt = instantOfMillis(work.now());
  }

  async materialize(): Promise<Materialized> {
    const { online, run, context, say } = this.#work;
    this.#ledger = await this.#readLedger();
    const { passes, until, why } = run.days === undefined ? await this.#plan() : this.#planOfDays(run.days);
    if (why !== undefined) say(this.#view, `everything is copied: ${why}`);
    const known = this.#view.isStatic || this.#view.isAggregate ? until : await this.#newestKnown(until);
    const closed = await this.#compare(known);
    const restated = await this.#restate(closed, { until, known });
    const needed = this.#view.isStatic ? this.#neededOfStatic({ passes, until, closed }) : passes;
    for (const [i, pass] of needed.entries()) {
      // What follows begins where the rows end that the one before has found.
      const from = i === 0 ? {} : { after: coveredUntil(this.#ledger) };
      await this.#copy({ ...pass, selection: { ...pass.selection, ...from } }, known);
    }
    const [first] = needed;
    const after = first === undefined ? coveredUntil(this.#ledger) : first.selection.after;
    await online.writeLedger(this.#finished({ after, until, closed, restated }), context);
    return {
      ...this.#progress,
      ...(after === undefined ? {} : { afterMs: millisOf(after) }),
      untilMs: millisOf(until),
      read: await this.#wholeRead(needed.length + restated.length),
      ...(why === undefined ? {} : { why }),
      ...(restated.length === 0 ? {} : { restated }),
    };
  }

  /** A ledger that cannot be read says nothing, and a full run needs none. */
  async #readLedger(): Promise<Ledger> {
    const { online, run, context } = this.#work;
    try {
      return await online.readLedger(context);
    } catch (error) {
      if (run.full === true && isVivaceError(error) && error.code === 'DATA_LOSS')
        return emptyLedger(this.#view.name);
      throw error;
    }
  }

  /** What has to be copied for the store to be as of the end of the run. */
  async #plan(): Promise<Plan> {
    const { run } = this.#work;
    const { open } = this.#ledger;
    const until = instantOfMillis(run.untilMs);
    const covered = coveredUntil(this.#ledger);
    const everything = (to: number, why?: string): Plan => ({
      passes: [{ selection: { until: to } }],
      until: to,
      ...(why === undefined ? {} : { why }),
    });
    if (run.full === true) return everything(until);
    // A full run that was killed: what it has not come to may be missing still.
    if (open?.after === null) return this.#onward({ after: undefined, until });
    if (covered === undefined) return everything(until);
    const why = await this.#whyAll();
    // What is gone was as of the last run, whatever this one is asked for.
    if (why !== undefined) return everything(Math.max(until, covered), why);
    return this.#onward({ after: covered, until });
  }

  /** Goes on from where the last run has ended, or was killed. */
  #onward({ after, until }: { readonly after: number | undefined; readonly until: number }): Plan {
    const { open } = this.#ledger;
    const passes: Pass[] = [];
    let from = after;
    if (open !== undefined && (open.after ?? undefined) === after) {
      passes.push({ selection: { after, until: open.until, position: open.position } });
      from = open.until;
    }
    if (from === undefined || from < until) passes.push({ selection: { after: from, until } });
    return { passes, until: Math.max(from ?? -Infinity, until) };
  }

  #planOfDays({ first, last }: { readonly first: number; readonly last: number }): Plan {
    const end = instantOfMillis(this.#work.run.untilMs);
    const until = (last + 1) * microsPerDay;
    if (until > end)
      throw new VivaceError(
        'INVALID_ARGUMENT',
        `the days end after the run: rows are copied up to ${formatInstant(end)}`,
      );
    return { passes: [{ selection: { after: first * microsPerDay - 1, until } }], until };
  }

  /** Why the rows of all keys are to be copied though they have been: some are gone, or will be soon. */
  async #whyAll(): Promise<string | undefined> {
    const { online, expiresAfterMs, context } = this.#work;
    const { sample, fullAt = -Infinity } = this.#ledger;
    if (expiresAfterMs !== undefined && this.#startedAt - fullAt > (expiresAfterMs / 2) * 1000)
      return `rows expire ${expiresAfterMs} ms after they were written, and the last full run is older than half of that`;
    const lost = await lostOf(this.#view, { online, sample }, context);
    return lost.length === 0
      ? undefined
      : `the online store has lost rows: ${lost.length} of ${sample.length} keys that were looked at are gone or older than they were`;
  }

  /** The greatest available time of a row that is known at the end of the run. */
  async #newestKnown(until: number): Promise<number> {
    const { warehouse, context } = this.#work;
    return (await newestKnown(this.#view, this.#source, { until, warehouse, context })) ?? until;
  }

  /**
   * Compares the rows of the past with what they were. For aggregates the past is what they have counted; for plain rows it ends with the
   * newest one, since a row that is appended behind it is never mistaken for it.
   */
  async #compare(known: number): Promise<ClosedPeriods | undefined> {
    const { run, warehouse, context } = this.#work;
    if (run.trustClosed === true || (this.#view.isStatic && warehouse.dialect.rowHash === undefined))
      return undefined;
    return closedPeriods(this.#view, this.#source, {
      ledger: this.#ledger,
      until: known - this.#overlap,
      warehouse,
      context,
    });
  }

  get #overlap(): number {
    return (this.#view.source?.overlapMs ?? 0) * 1000;
  }

  /** Writes the rows of periods that have changed so that they win. */
  async #restate(
    closed: ClosedPeriods | undefined,
    { until, known }: { readonly until: number; readonly known: number },
  ): Promise<readonly string[]> {
    const changed = closed?.changed ?? [];
    if (changed.length === 0 || this.#view.isStatic) return [];
    const texts = changed.map(periodText);
    if (this.#work.run.restate !== true) throw changedError(this.#view, texts);
    const former = this.#ledger.runs.filter(({ restated }) => restated !== undefined).length;
    // Later than any row that was written, and earlier than what becomes known after this run.
    const newest = Math.max(
      known,
      coveredUntil(this.#ledger) ?? -Infinity,
      this.#view.isAggregate ? beginOf(this.#view, until) : -Infinity,
    );
    await this.#copyRows({ selection: { until, within: changed }, availableTime: newest + 1 + former });
    return texts;
  }

  /** Rows without a time are copied again where any of them may have changed. */
  #neededOfStatic({
    passes,
    until,
    closed,
  }: Pick<Plan, 'passes' | 'until'> & { readonly closed: ClosedPeriods | undefined }): readonly Pass[] {
    const isFirst = passes.some(({ selection: { after } }) => after === undefined);
    return !isFirst && closed?.changed.length === 0 ? [] : [{ selection: { until } }];
  }

  async #copy(pass: Pass, known: number): Promise<void> {
    const { context, online } = this.#work;
    const { selection } = pass;
    const before = this.#progress.total;
    const sample = await this.#copyRows(pass);
    const isFull = selection.after === undefined;
    const { open: _, ...ledger } = this.#ledger;
    // A source without rows may get those of the past yet: nothing has been copied of them.
    if (isFull && selection.position === undefined && this.#progress.total === before) {
      this.#ledger = ledger;
      return;
    }
    // Of plain rows all that are known are there; one that is appended later is as new as its times say.
    const until = this.#view.isAggregate ? selection.until : Math.min(selection.until, known);
    let kept = selection.position === undefined && isFull ? sample : mergeSamples(ledger.sample, sample);
    if (isFull) {
      // A key that was deleted is not written, and must not make the next run a full one.
      const lost = await lostOf(this.#view, { online, sample: kept }, context);
      kept = kept.filter((each) => !lost.includes(each));
    }
    this.#ledger = {
      ...ledger,
      covered: [...ledger.covered, { after: selection.after ?? null, until }],
      ...(isFull ? { fullAt: this.#startedAt } : {}),
      sample: kept,
    };
  }

  /** @returns Some of the keys. */
  async #copyRows({ selection, availableTime }: Pass): Promise<Sample['keys']> {
    const { warehouse, online, context, onProgress, say, now } = this.#work;
    const view = this.#view;
    const sample = new Sample();
    const before = this.#progress;
    let notedAt = now();
    const overlap =
      selection.after === undefined || view.isAggregate ? {} : { after: selection.after - this.#overlap };
    await using tables = new KeptTables(warehouse, context);
    const found = {
      warehouse,
      context,
      tables,
      say,
      kept: this.#tileUse,
      selection: { ...selection, ...overlap },
    };
    const { rows, total, read } = await rowsToCopy(view, this.#source, found);
    if (read !== undefined) this.#read = added(this.#read, read);
    const sum = (progress: MaterializeProgress): MaterializeProgress => ({
      rows: before.rows + progress.rows,
      written: before.written + progress.written,
      total: before.total + progress.total,
    });
    const done = await copyRows(
      view,
      rows,
      {
        warehouse,
        online,
        total,
        availableTime: view.isStatic ? this.#startedAt : availableTime,
        onProgress: (progress) => onProgress?.(sum(progress)),
        onAcknowledged: async (keys, written) => {
          sample.add(keys, written);
          if (now() - notedAt < noteMs || availableTime !== undefined || !inOrder(warehouse)) return;
          await this.#note(selection, { position: ledgerKey(keys, written.rows - 1), sample: sample.keys });
          notedAt = now();
        },
      },
      context,
    );
    this.#progress = sum(done);
    return sample.keys;
  }

  /** How kept tiles are used: they are compared with the source, or made anew, once in a run. */
  get #tileUse(): TileUse | undefined {
    const { run, warehouse } = this.#work;
    if (!keepsTiles(warehouse)) return undefined;
    const isFirst = this.#read === undefined;
    return {
      now: this.#startedAt,
      trust: run.trustClosed === true || !isFirst,
      anew: run.full === true && isFirst,
    };
  }

  /** What was read of the source: where no tiles are kept, all of it. */
  async #wholeRead(passes: number): Promise<SourceRead> {
    const { warehouse, context } = this.#work;
    if (this.#read !== undefined) return this.#read;
    if (passes === 0) return { rows: 0, compared: 0 };
    const { dialect } = warehouse;
    // Where reading is billed, counting may be.
    if (dialect.remote === true) {
      const estimated = await warehouse.estimate?.(
        { sql: wholeSql(this.#view, this.#source, dialect) },
        context,
      );
      return estimated === undefined ? { compared: 0 } : { ...estimated, compared: 0 };
    }
    const rows = `SELECT * FROM ${sourceRows(this.#source, dialect)}`;
    return { rows: await countRows(warehouse, rows, context), compared: 0 };
  }

  /** Writes down how far a pass has come. */
  async #note(
    { after, until }: Selection,
    { position, sample }: { readonly position: LedgerKey; readonly sample: Sample['keys'] },
  ): Promise<void> {
    const { online, context } = this.#work;
    const open = { startedAt: this.#startedAt, after: after ?? null, until, position };
    await online.writeLedger(
      { ...this.#ledger, open, sample: mergeSamples(this.#ledger.sample, sample) },
      context,
    );
  }

  /** The ledger once everything is done. */
  #finished({
    after,
    until,
    closed,
    restated,
  }: {
    readonly after: number | undefined;
    readonly until: number;
    readonly closed: ClosedPeriods | undefined;
    readonly restated: readonly string[];
  }): Ledger {
    const { rows, written } = this.#progress;
    const run = {
      startedAt: this.#startedAt,
      endedAt: instantOfMillis(this.#work.now()),
      after: after ?? null,
      until,
      rows,
      written,
      ...(restated.length === 0 ? {} : { restated }),
    };
    return {
      ...this.#ledger,
      view: this.#view.name,
      ...(closed === undefined || coveredUntil(this.#ledger) === undefined ? {} : { closed: closed.now }),
      runs: [...this.#ledger.runs, run],
    };
  }
}

function changedError(view: FeatureView, periods: readonly string[]): VivaceError {
  const [first, ...others] = periods;
  const days =
    others.length === 0
      ? first
      : `${first} and ${others.length} more ${others.length === 1 ? 'day' : 'days or stretches of days'}`;
  const promise =
    view.source?.availableTime === view.source?.eventTime
      ? 'a source without `availableTime` promises that no row comes later than its event; declare one, or a `refresh` that waits'
      : 'a row must be in the source at its available time';
  return new VivaceError(
    'FAILED_PRECONDITION',
    `rows of ${days} were copied, and are others now: --restate writes them so that they win, --trust-closed leaves them (${promise})`,
  );
}
