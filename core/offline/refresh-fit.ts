import { microsPerMilli } from '../kernel/time.js';
import type { Ledger, LedgerRun } from '../views/ledger.js';
import { goesOn } from '../views/run-periods.js';
import { lastBoundary, type Refresh } from '../views/refresh.js';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
/** How often jobs run, milliseconds: one that nearly fits is meant. */
const schedules = [
  ...[1, 2, 5, 10, 15, 20, 30].map((minutes) => minutes * minute),
  ...[1, 2, 3, 4, 6, 8, 12].map((hours) => hours * hour),
  day,
  7 * day,
];

/** A moment at which a run was due, and how long afterwards the store had what was known by then. Times are microseconds. */
export interface Boundary {
  readonly due: number;
  /** When the first run ended that copied everything up to then. */
  readonly endedAt: number;
  readonly lateMs: number;
}

/** How the runs of a ledger fit what a view says of them. */
export interface RefreshFit {
  readonly declared?: Refresh | undefined;
  /** The runs that the ledger remembers. */
  readonly runs: number;
  /** When runs were due and when they ended, as `declared` has it, or else as `set` does. */
  readonly boundaries: readonly Boundary[];
  /** Whether every row was in the store when the view says that it is; absent where too few runs are known. */
  readonly holds?: boolean;
  /** What to write as `refresh` of the view; absent where that would change nothing, and where too few runs are known. */
  readonly set?: Refresh;
  /** Moments at which a run was due and that `set` does not cover, because no run came before the next one was due. */
  readonly missed: number;
}

/** Compares the runs of a ledger with the `refresh` of its view. Of runs that copy some past days, or nothing new, nothing is concluded. */
export function fitRefresh(declared: Refresh | undefined, { runs }: Pick<Ledger, 'runs'>): RefreshFit {
  const onward = advances(runs);
  const known = { declared, runs: runs.length };
  if (onward.length < 3) return { ...known, boundaries: [], missed: 0 };
  const schedule = declared?.everyMs === undefined ? guessed(onward) : declared;
  const everyMs = schedule.everyMs!;
  const boundaries = boundariesOf(onward, schedule);
  const inTime = boundaries.filter(({ lateMs }) => lateMs < everyMs);
  const missed = boundaries.length - inTime.length;
  const holds = declared === undefined ? false : isKept(declared, { boundaries, onward });
  if (holds) return { ...known, boundaries, holds, missed };
  // With a delay of a whole period, a run has no boundary of its own any more.
  const needed = longest(inTime.map(({ lateMs }) => lateMs));
  const set = { everyMs, offsetMs: schedule.offsetMs, delayMs: roundedUp(needed) };
  const isMore = declared?.everyMs === undefined || needed > declared.delayMs;
  return { ...known, boundaries, holds, missed, ...(isMore ? { set } : {}) };
}

function isKept(
  declared: Refresh,
  { boundaries, onward }: { readonly boundaries: readonly Boundary[]; readonly onward: readonly LedgerRun[] },
): boolean {
  if (declared.everyMs !== undefined) return boundaries.every(({ lateMs }) => lateMs <= declared.delayMs);
  // Just before a run ends, the store knows what the one before it has copied.
  return onward.every((run, i) => i === 0 || msOf(run.endedAt - onward[i - 1]!.until) <= declared.delayMs);
}

/** The runs that copied what came after all those before them, by their ends. */
function advances(runs: readonly LedgerRun[]): readonly LedgerRun[] {
  const found: LedgerRun[] = [];
  for (const run of [...runs].sort((a, b) => a.endedAt - b.endedAt)) {
    const last = found.at(-1);
    if (last === undefined || (run.until > last.until && goesOn(run, last.until))) found.push(run);
  }
  return found;
}

/** Every boundary after the end of the first run that is known, up to that of the last one. */
function boundariesOf(onward: readonly LedgerRun[], schedule: Refresh): readonly Boundary[] {
  const every = schedule.everyMs! * microsPerMilli;
  const boundaries: Boundary[] = [];
  let due = lastBoundary(schedule, onward[0]!.until) + every;
  for (const { until, endedAt } of onward)
    for (; due <= until; due += every)
      boundaries.push({ due, endedAt, lateMs: Math.max(0, msOf(endedAt - due)) });
  return boundaries;
}

/** How often runs seem to be due, and when. */
function guessed(onward: readonly LedgerRun[]): Refresh {
  const gaps = onward.slice(1).map(({ until }, i) => msOf(until - onward[i]!.until));
  const median = [...gaps].sort((a, b) => a - b)[Math.floor(gaps.length / 2)]!;
  const everyMs =
    schedules.find((schedule) => Math.abs(schedule - median) <= schedule / 10) ??
    Math.max(minute, roundedUp(median));
  // Each run has copied at least what was known at the last boundary before it.
  const offsets = onward.map(({ until }) => msOf(until) % everyMs);
  return { everyMs, offsetMs: Math.floor(leastOnCircle(offsets, everyMs) / minute) * minute, delayMs: 0 };
}

/** The number after the widest gap between numbers on a circle. */
function leastOnCircle(numbers: readonly number[], around: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const gaps = sorted.map((each, i) => each - (sorted[i - 1] ?? sorted.at(-1)! - around));
  return sorted[gaps.indexOf(longest(gaps))]!;
}

function longest(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => Math.max(a, b), 0);
}

function roundedUp(ms: number): number {
  return Math.ceil(ms / minute) * minute;
}

function msOf(micros: number): number {
  return micros / microsPerMilli;
}
