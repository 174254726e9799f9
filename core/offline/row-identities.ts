import { status, statusNames } from '../data/status.js';
import type { RecomputedRows } from './recompute.js';
import type { RowIdentity } from './skew-cause.js';

/** Which rows a node gives now. */
export function recomputedIdentities({
  status: codes,
  eventTime,
  availableTime,
}: RecomputedRows): readonly RowIdentity[] {
  const names = Array.from(codes, (code) => {
    const name = statusNames[code]!;
    return code === status.PRESENT || code === status.STALE || code === status.FAILED ? name : 'MISSING';
  }) as RowIdentity['status'][];
  return identitiesOf(names, { eventTime, availableTime });
}

/** Rows of some statuses and times, which are 0 where there are none. */
export function identitiesOf(
  names: readonly RowIdentity['status'][],
  times: { readonly eventTime?: Float64Array | undefined; readonly availableTime?: Float64Array | undefined },
): readonly RowIdentity[] {
  return names.map((name, row) => ({
    status: name,
    eventTime: times.eventTime?.[row] ?? 0,
    availableTime: times.availableTime?.[row] ?? 0,
  }));
}

/** Nobody sees the times of static rows. */
export function withoutTimes({ status: name }: RowIdentity): RowIdentity {
  return { status: name, eventTime: 0, availableTime: 0 };
}
