import type { Ledger, Restated } from '../views/ledger.js';
import { parsePeriod, type DaySpan } from '../views/run-periods.js';
import { overlaps } from './copied-until.js';
import type { RowIdentity } from './skew-cause.js';

/** Days that a run has written anew. */
export interface RestatedDays extends Pick<Restated, 'availableTime' | 'endedAt'> {
  readonly days: readonly DaySpan[];
}

/** The days that runs have written anew, as a ledger tells. */
export function restatedDays({ restatements = [] }: Pick<Ledger, 'restatements'>): readonly RestatedDays[] {
  return restatements.map(({ periods, ...each }) => ({ ...each, days: periods.map(parsePeriod) }));
}

/** Whether a row has the available time that a restatement has given it. */
export function isRewritten(restated: readonly RestatedDays[], { availableTime }: RowIdentity): boolean {
  return restated.some((each) => each.availableTime === availableTime);
}

/**
 * Whether runs have restated days of a row, of those that it is not itself written by or after: `since` it was read, or only `before`. What a run
 * that was killed has begun, the next one restates.
 *
 * @param days Those of the events that the row consists of.
 * @param readAt When it was read from the store, microseconds.
 */
export function restatedAround(
  restated: readonly RestatedDays[],
  {
    days,
    served,
    readAt,
  }: { readonly days: readonly DaySpan[]; readonly served: RowIdentity; readonly readAt: number },
): 'since' | 'before' | undefined {
  const written =
    served.status === 'MISSING' || served.status === 'FAILED' ? -Infinity : served.availableTime;
  const ends = restated
    .filter(
      (each) =>
        each.availableTime > written && each.days.some((period) => days.some((day) => overlaps(period, day))),
    )
    .flatMap(({ endedAt }) => endedAt ?? []);
  if (ends.length === 0) return undefined;
  return ends.some((endedAt) => endedAt > readAt) ? 'since' : 'before';
}
