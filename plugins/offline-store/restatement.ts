import {
  coveredUntil,
  periodText,
  VivaceError,
  type FeatureView,
  type Ledger,
  type MaterializeRun,
} from 'vivace';
import type { ClosedPeriods } from './closed-periods.js';
import type { Pass } from './plan-run.js';
import { beginOf } from './windows.js';

/** How rows of periods that have changed are written so that they win. */
export interface Restatement {
  readonly pass: Pass & { readonly availableTime: number };
  /** The periods, as texts. */
  readonly periods: readonly string[];
}

/**
 * What is to be written anew of the past.
 *
 * @returns `undefined` where nothing of it has changed, or rows have no time.
 * @throws {VivaceError} `FAILED_PRECONDITION` where something has, and the run is not to restate it.
 */
export function restatement(
  view: FeatureView,
  closed: ClosedPeriods | undefined,
  {
    run,
    ledger,
    until,
    known,
  }: {
    readonly run: MaterializeRun;
    readonly ledger: Ledger;
    readonly until: number;
    /** The greatest available time of a row that is known at the end of the run. */
    readonly known: number;
  },
): Restatement | undefined {
  const changed = closed?.changed ?? [];
  if (changed.length === 0 || view.isStatic) return undefined;
  const periods = changed.map(periodText);
  if (run.restate !== true) throw changedError(view, periods);
  // Later than any row that was written, and earlier than what becomes known after this run.
  const newest = Math.max(
    known,
    ledger.restatements?.at(-1)?.availableTime ?? -Infinity,
    coveredUntil(ledger) ?? -Infinity,
    view.isAggregate ? beginOf(view, until) : -Infinity,
  );
  return { pass: { selection: { until, within: changed }, availableTime: newest + 1 }, periods };
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
