import {
  coveredUntil,
  emptyLedger,
  instantOfMillis,
  isVivaceError,
  mergeSamples,
  millisOf,
  type CallContext,
  type FeatureView,
  type Ledger,
  type Materialized,
  type MaterializeProgress,
  type MaterializeRun,
  type OnlineView,
  type SourceRead,
  type Warehouse,
} from 'vivace';
import { explained } from './check.js';
import { closedPeriods, newestKnown, type ClosedPeriods } from './closed-periods.js';
import { copyRows, inOrder } from './copy-rows.js';
import { KeptTables } from './kept-tables.js';
import { keepsTiles, type TileUse } from './kept-tiles.js';
import { neededPasses, planOfLedger, planOfSample, type Pass, type Plan } from './plan-run.js';
import { restatement, type Restatement } from './restatement.js';
import { rowsToCopy } from './rows-to-copy.js';
import {
  ledgerAfterPass,
  ledgerAfterRun,
  ledgerRestating,
  ledgerUnderWay,
  ledgerWithoutOpen,
} from './run-ledger.js';
import { ledgerKey, lostOf, Sample } from './sample.js';
import type { FoundSource } from './source.js';
import { wholeRead, withRead } from './source-read.js';
import { usableSource } from './usable-source.js';

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
    const plan = await this.#plan();
    const { until, why } = plan;
    if (why !== undefined) say(this.#view, `everything is copied: ${why}`);
    const known = this.#view.isStatic || this.#view.isAggregate ? until : await this.#newestKnown(until);
    const closed = await this.#compare({ known, until });
    const restated = restatement(this.#view, closed, { run, ledger: this.#ledger, until, known });
    if (restated !== undefined) await this.#restate(restated);
    const passes = neededPasses(this.#view, plan, closed);
    for (const [i, pass] of passes.entries()) {
      // What follows begins where the rows end that the one before has found.
      const from = i === 0 ? {} : { after: coveredUntil(this.#ledger) };
      await this.#copy({ ...pass, selection: { ...pass.selection, ...from } }, known);
    }
    const [first] = passes;
    const after = first === undefined ? coveredUntil(this.#ledger) : first.selection.after;
    const { rows, written } = this.#progress;
    const ended = {
      startedAt: this.#startedAt,
      endedAt: instantOfMillis(this.#work.now()),
      after: after ?? null,
      until,
      rows,
      written,
    };
    const outcome = { run: ended, closed, restated };
    await online.writeLedger(ledgerAfterRun(this.#ledger, this.#view, outcome), context);
    return {
      ...this.#progress,
      ...(after === undefined ? {} : { afterMs: millisOf(after) }),
      untilMs: millisOf(until),
      read: await this.#wholeRead(passes.length > 0 || restated !== undefined),
      ...(why === undefined ? {} : { why }),
      ...(restated === undefined ? {} : { restated: restated.periods }),
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

  /** The online store is asked for its rows only where the plan depends on them. */
  async #plan(): Promise<Plan> {
    const { run, online, expiresAfterMs, context } = this.#work;
    const beginning = { run, ledger: this.#ledger, startedAt: this.#startedAt, expiresAfterMs };
    const plan = planOfLedger(beginning);
    if (plan !== undefined) return plan;
    const lost = await lostOf(this.#view, { online, sample: this.#ledger.sample }, context);
    return planOfSample(beginning, lost.length);
  }

  /** The greatest available time of a row that is known at the end of the run. */
  async #newestKnown(until: number): Promise<number> {
    const { warehouse, context } = this.#work;
    return (await newestKnown(this.#view, this.#source, { until, warehouse, context })) ?? until;
  }

  /**
   * Compares the rows of the past with what they were. For aggregates the past is what they have counted; for plain rows it ends with the
   * newest one, since a row that is appended behind it is never mistaken for it, and never before it did: where the newest one is gone, that is
   * a change, once.
   */
  async #compare({
    known,
    until,
  }: {
    readonly known: number;
    readonly until: number;
  }): Promise<ClosedPeriods | undefined> {
    const { run, warehouse, context } = this.#work;
    if (run.trustClosed === true || (this.#view.isStatic && warehouse.dialect.rowHash === undefined))
      return undefined;
    const ledger = this.#ledger;
    const end = known - this.#overlap;
    const before = ledger.closed?.until ?? -Infinity;
    const compared = before <= until ? Math.max(end, before) : end;
    return closedPeriods(this.#view, this.#source, { ledger, until: compared, warehouse, context });
  }

  get #overlap(): number {
    return (this.#view.source?.overlapMs ?? 0) * 1000;
  }

  async #restate(restated: Restatement): Promise<void> {
    const { online, context } = this.#work;
    this.#ledger = ledgerRestating(this.#ledger, restated);
    await online.writeLedger(this.#ledger, context);
    await this.#copyRows(restated.pass);
  }

  async #copy(pass: Pass, known: number): Promise<void> {
    const { context, online } = this.#work;
    const { selection } = pass;
    const before = this.#progress.total;
    const sample = await this.#copyRows(pass);
    const isFull = selection.after === undefined;
    // A source without rows may get those of the past yet: nothing has been copied of them.
    if (isFull && selection.position === undefined && this.#progress.total === before) {
      this.#ledger = ledgerWithoutOpen(this.#ledger);
      return;
    }
    // Of plain rows all that are known are there; one that is appended later is as new as its times say.
    const until = this.#view.isAggregate ? selection.until : Math.min(selection.until, known);
    let kept =
      selection.position === undefined && isFull ? sample : mergeSamples(this.#ledger.sample, sample);
    if (isFull) {
      // A key that was deleted is not written, and must not make the next run a full one.
      const lost = await lostOf(this.#view, { online, sample: kept }, context);
      kept = kept.filter((each) => !lost.includes(each));
    }
    this.#ledger = ledgerAfterPass(this.#ledger, selection, {
      startedAt: this.#startedAt,
      until,
      sample: kept,
    });
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
    if (read !== undefined) this.#read = withRead(this.#read, read);
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
          const position = ledgerKey(keys, written.rows - 1);
          const soFar = { startedAt: this.#startedAt, position, sample: sample.keys };
          await online.writeLedger(ledgerUnderWay(this.#ledger, selection, soFar), context);
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
  async #wholeRead(anything: boolean): Promise<SourceRead> {
    const { warehouse, context } = this.#work;
    if (this.#read !== undefined) return this.#read;
    if (!anything) return { rows: 0, compared: 0 };
    return wholeRead(this.#view, this.#source, { warehouse, context });
  }
}
