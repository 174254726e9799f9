import { dayOf } from '../kernel/time.js';
import { keptRuns, type Ledger } from '../views/ledger.js';
import { goesOn, type DaySpan } from '../views/run-periods.js';
import type { FeatureView } from '../views/view.js';
import { windowGrain, windowLength } from '../views/window.js';
import type { ChangedPeriod } from '../ports/offline-store.js';

/**
 * Up to when the rows of a source were in the store at a moment, as its ledger tells; `-Infinity` where none were yet.
 *
 * @param moment Microseconds, as what is returned.
 * @returns `undefined` where the ledger does not reach back that far.
 */
export function copiedUntil({ runs }: Pick<Ledger, 'runs'>, moment: number): number | undefined {
  const [first] = runs;
  if (first === undefined) return undefined;
  const isForgotten = first.after !== null || runs.length === keptRuns;
  const ended = runs.filter(({ endedAt }) => endedAt <= moment);
  if (ended.length === 0) return isForgotten ? undefined : -Infinity;
  // What was copied before the first run that is known, the run goes on from.
  let until = first.after ?? -Infinity;
  for (const run of ended) if (goesOn(run, until)) until = Math.max(until, run.until);
  return until;
}

/** The days of the events that a row of a view consists of: its own, or those of the longest window before it. */
export function daysBehind({ features, isAggregate }: FeatureView, eventTime: number): DaySpan {
  if (!isAggregate) return { first: dayOf(eventTime), last: dayOf(eventTime) };
  const longest = features.map(({ origin }) =>
    origin.kind === 'aggregate' ? windowLength(origin) * windowGrain(origin) : 0,
  );
  return {
    first: dayOf(eventTime - longest.reduce((a, b) => Math.max(a, b), 0)),
    last: dayOf(eventTime - 1),
  };
}

export function overlaps(a: DaySpan, b: DaySpan): boolean {
  return a.first <= b.last && b.first <= a.last;
}

/** What became of the rows of some days since they were copied. */
export function pastOf(
  changed: readonly ChangedPeriod[] | undefined,
  days: readonly DaySpan[],
): 'same' | 'more' | 'others' | undefined {
  if (changed === undefined) return undefined;
  const found = changed.filter((period) => days.some((each) => overlaps(period, each)));
  if (found.length === 0) return 'same';
  return found.every(({ rows }) => rows > 0) ? 'more' : 'others';
}
