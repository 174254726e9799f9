import { gather } from '../data/column-appender.js';
import { isValid, type Column } from '../data/column.js';
import { FeatureRows } from '../data/feature-rows.js';
import { status } from '../data/status.js';
import type { CallContext } from '../kernel/call.js';
import { asVivaceError, isPartialFailure, VivaceError, type ErrorDetail } from '../kernel/errors.js';
import { formatInstant, instantOfMillis } from '../kernel/time.js';
import type { Clock } from '../parts/context.js';
import type { PushInput, PushOutcome, RowMistake } from '../ports/data-plane.js';
import type { OnlineView } from '../ports/online-store.js';
import type { ServedLog } from '../ports/served-log.js';
import { distinctRows } from '../steps/fetch/distinct-rows.js';
import { KeyColumns } from '../steps/fetch/key-columns.js';
import { mostAhead } from '../views/pushed-rows.js';
import type { FeatureView } from '../views/view.js';
import type { PushCounts } from './push-counters.js';
import { appendPushed } from './push-log.js';
import { isSameCell } from './same-cells.js';

/** Rows that are compared with the store, and written, at once. */
const chunkRows = 1000;
/** Stretches of that many rows that are under way at once. */
const stretchesAtOnce = 4;
/** Rows that an error names. */
const mostNamed = 20;

/**
 * The times at which pushed rows became available: the server's clock, and later with each push, so that of two pushes of one event time the
 * second one stands.
 */
export class AvailableTimes {
  readonly #clock: Clock;
  #last = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Microseconds. */
  now(): number {
    return instantOfMillis(this.#clock.now());
  }

  /** Microseconds, later than any before. */
  next(): number {
    this.#last = Math.max(this.now(), this.#last + 1);
    return this.#last;
  }
}

/** Where rows are pushed to. */
export interface PushTarget {
  readonly online: OnlineView;
  /** Keeps what is written, as the history of the view; `undefined` where nothing does. */
  readonly log: ServedLog | undefined;
  readonly times: AvailableTimes;
  readonly counters: PushCounts;
  readonly context: CallContext;
}

/**
 * Writes rows to the log of a view, where it has one, and then to its store: what the store holds is in the history too. A push that fails
 * between the two is in the history alone until it is repeated or the view is materialized.
 *
 * @throws {VivaceError} The store's own code where rows without a mistake could not be stored; it names the first of them.
 */
export async function pushRows(
  view: FeatureView,
  input: PushInput,
  { online, log, times, counters, context }: PushTarget,
): Promise<PushOutcome> {
  const errors = judged(input, view, times.now());
  const wrong = new Set(errors.map(({ row }) => row));
  const accepted = Uint32Array.from(
    Array.from({ length: input.rows }, (_, row) => row).filter((row) => !wrong.has(row)),
  );
  counters.refused += wrong.size;
  const newest = newestPerKey(input, accepted);
  const writer = new RowWriter(view, { input, online, log, came: times.next(), context });
  // A file of a log is written for all rows at once.
  if (log === undefined) await writer.writeAll(chunksOf(newest));
  else await writer.write(newest);
  const { written, unwritten, failure } = writer;
  counters.written += written;
  counters.failed += unwritten.length;
  counters.unchanged += accepted.length - written - unwritten.length;
  if (failure !== undefined) throw notStored(input, { rows: accepted.length, unwritten, failure });
  return { accepted: accepted.length, written, errors };
}

/** The mistakes of the input, and what only the server can tell: that an event time lies ahead of its clock. In the order of the rows. */
function judged(input: PushInput, { entity }: FeatureView, now: number): readonly RowMistake[] {
  const { rows, keys, eventTime, mistakes, pathOf } = input;
  const latest = now + mostAhead;
  const values = eventTime.values as Float64Array;
  const known = new Set(mistakes.map(({ row }) => row));
  const more: RowMistake[] = [];
  const add = (row: number, name: string, message: string): void =>
    void more.push({ row, path: pathOf(row, name), message });
  for (let row = 0; row < rows; row++) {
    if (known.has(row)) continue;
    const time = values[row] as number;
    const nullKey = keys.findIndex((column) => !isValid(column, row));
    if (nullKey >= 0) add(row, entity[nullKey]!.name, 'may not be null');
    else if (!Number.isFinite(time)) add(row, 'eventTime', 'is missing: a timestamp');
    else if (time > latest) {
      const ahead = `${formatInstant(time)} is more than 5 minutes ahead of the server's clock (${formatInstant(now)})`;
      add(row, 'eventTime', ahead);
    }
  }
  return more.length === 0 ? mistakes : [...mistakes, ...more].sort((a, b) => a.row - b.row);
}

/** Of the accepted rows of each key, the one with the greatest event time; of equal ones the last. In the order of their keys. */
function newestPerKey({ keys, eventTime }: PushInput, accepted: Uint32Array): Uint32Array {
  const times = eventTime.values as Float64Array;
  const distinct = distinctRows(
    keys.map((column) => gather(column, accepted)),
    accepted.length,
    { merge: true },
  );
  if (distinct === undefined) return accepted;
  const newest = Uint32Array.from(distinct.first, (at) => accepted[at] as number);
  distinct.rowOf.forEach((key, at) => {
    const row = accepted[at] as number;
    if ((times[row] as number) >= (times[newest[key] as number] as number)) newest[key] = row;
  });
  return newest;
}

function chunksOf(rows: Uint32Array): Uint32Array[] {
  return Array.from({ length: Math.ceil(rows.length / chunkRows) }, (_, i) =>
    rows.subarray(i * chunkRows, (i + 1) * chunkRows),
  );
}

interface RowsToWrite {
  readonly input: PushInput;
  readonly online: OnlineView;
  readonly log: ServedLog | undefined;
  /** When the rows came, microseconds. */
  readonly came: number;
  readonly context: CallContext;
}

/** Writes rows with different keys. */
class RowWriter {
  readonly #view: FeatureView;
  readonly #pushed: RowsToWrite;
  /** Per row of the input, microseconds: when it came, or just after the row that it replaces, of a server whose clock is ahead. */
  readonly #available: Float64Array;
  /** Rows that changed what is stored. */
  written = 0;
  /** Rows that may not be stored. */
  readonly unwritten: number[] = [];
  failure: VivaceError | undefined;

  constructor(view: FeatureView, pushed: RowsToWrite) {
    this.#view = view;
    this.#pushed = pushed;
    this.#available = new Float64Array(pushed.input.rows).fill(pushed.came);
  }

  /** Writes some stretches of rows at once, so that rows are encoded while the store is at work. */
  async writeAll(stretches: readonly Uint32Array[]): Promise<void> {
    const waiting = stretches.values();
    const work = async (): Promise<void> => {
      for (const rows of waiting) await this.write(rows);
    };
    await Promise.all(Array.from({ length: stretchesAtOnce }, work));
  }

  /** Never throws; after a failure nothing more is tried, since it would wait for the same outage. */
  async write(rows: Uint32Array): Promise<void> {
    let left = rows;
    try {
      if (this.failure !== undefined) return;
      const changed: Uint32Array[] = [];
      for (const chunk of chunksOf(rows)) changed.push(await this.#changed(chunk));
      left = Uint32Array.from(changed.flatMap((chunk) => [...chunk]));
      const { input, log, context } = this.#pushed;
      if (log !== undefined && left.length > 0)
        await appendPushed(this.#view, { input, rows: left, available: this.#available, log }, context);
      while (left.length > 0 && this.failure === undefined) {
        await this.#store(left.subarray(0, chunkRows));
        left = left.subarray(chunkRows);
      }
    } catch (error) {
      this.failure ??= asVivaceError(error);
    } finally {
      if (this.failure !== undefined) for (const row of left) this.unwritten.push(row);
    }
  }

  async #store(rows: Uint32Array): Promise<void> {
    const { input, online, context } = this.#pushed;
    try {
      const written = await online.write(this.#keys(rows), this.#rows(input, rows), context);
      this.written += written;
    } catch (error) {
      if (!isPartialFailure(error)) throw error;
      this.written += error.values.filter((value) => value === true).length;
      this.failure ??= error;
      for (const { index } of error.failures) this.unwritten.push(rows[index] as number);
    }
  }

  /**
   * Rows that differ from what the store holds and are not older than it, or than its deletion: the others need not be written, nor get a
   * later available time. The store takes those that are left, unless another server is faster.
   */
  async #changed(rows: Uint32Array): Promise<Uint32Array> {
    const { input, online, context } = this.#pushed;
    const stored = new FeatureRows(this.#view.features, rows.length);
    await online.read(this.#keys(rows), stored, context);
    const columns = stored.columns.map((column) => column.finish());
    const times = input.eventTime.values as Float64Array;
    return rows.filter((row, at) => {
      const pushed = times[row] as number;
      // A deletion stands until a row with a later event time comes.
      if (stored.status[at] === status.MISSING) return pushed > (stored.deletedAt?.[at] ?? -Infinity);
      // A row that cannot be read is written: it may be broken, and the write says whether the store is there.
      if (stored.status[at] !== status.PRESENT) return true;
      const known = stored.eventTime[at] as number;
      if (pushed !== known) return pushed > known;
      if (columns.every((column, i) => isSameCell([column, at], [input.features[i] as Column, row])))
        return false;
      this.#available[row] = Math.max(this.#pushed.came, (stored.availableTime[at] as number) + 1);
      return true;
    });
  }

  #keys(rows: Uint32Array): KeyColumns {
    const { input, came } = this.#pushed;
    const columns = input.keys.map((column) => gather(column, rows));
    const source = { part: this.#view.store, keys: this.#view.entity, history: 'as-of' } as const;
    return new KeyColumns(source, columns, { rows: rows.length, time: came });
  }

  #rows({ features, eventTime }: PushInput, rows: Uint32Array): FeatureRows {
    const out = new FeatureRows(this.#view.features, rows.length);
    out.columns.forEach((column, i) => column.copy(gather(features[i] as Column, rows)));
    rows.forEach((row, at) => {
      out.eventTime[at] = (eventTime.values as Float64Array)[row] as number;
      out.availableTime[at] = this.#available[row] as number;
    });
    out.setAllPresent();
    return out;
  }
}

/** The error of a push of which some rows may not be stored. */
function notStored(
  { pathOf }: PushInput,
  { rows, unwritten, failure }: { rows: number; unwritten: readonly number[]; failure: VivaceError },
): VivaceError {
  const details: ErrorDetail[] = [...unwritten]
    .sort((a, b) => a - b)
    .slice(0, mostNamed)
    .map((row) => ({ path: pathOf(row, ''), message: 'may not be stored' }));
  return new VivaceError(
    failure.code,
    `${unwritten.length} of ${rows} rows may not be stored: ${failure.message}; push them again, which is safe for all of them`,
    {
      cause: failure,
      details,
      httpStatus: failure.httpStatus,
      ...(failure.part === undefined ? {} : { part: failure.part }),
      ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
    },
  );
}
