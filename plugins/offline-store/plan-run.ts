import {
  coveredUntil,
  formatInstant,
  instantOfMillis,
  microsPerDay,
  millisOf,
  VivaceError,
  whyNotUntil,
  type FeatureView,
  type Ledger,
  type MaterializeRun,
} from 'vivace';
import type { ClosedPeriods } from './closed-periods.js';
import type { Selection } from './rows-to-copy.js';

/** Some rows to copy. All keys are as of `selection.until` once it is done. */
export interface Pass {
  readonly selection: Selection;
  /** The available time of all rows, microseconds, in place of their own. */
  readonly availableTime?: number;
}

/** What a run is to do, and why everything where an earlier run has copied everything. Times are microseconds. */
export interface Plan {
  readonly passes: readonly Pass[];
  readonly until: number;
  readonly why?: string;
}

/** What is known when a run begins. */
export interface Beginning {
  readonly run: MaterializeRun;
  readonly ledger: Ledger;
  /** When the run began, microseconds. */
  readonly startedAt: number;
  /** How long the online store keeps a row, milliseconds; absent where rows stay. */
  readonly expiresAfterMs?: number | undefined;
}

/**
 * What has to be copied for the store to be as of the end of the run.
 *
 * @returns `undefined` where it depends on whether the online store still has its rows; `planOfSample` decides then.
 * @throws {VivaceError} `INVALID_ARGUMENT` where the run would end in the future, or days are asked for that end after it.
 */
export function planOfLedger({ run, ledger, startedAt, expiresAfterMs }: Beginning): Plan | undefined {
  // Aggregates would be dated ahead of every row that comes before then, and what comes would be taken for copied.
  const wrong = whyNotUntil(run.untilMs, millisOf(startedAt));
  if (wrong !== undefined) throw new VivaceError('INVALID_ARGUMENT', `untilMs: ${wrong}`);
  if (run.days !== undefined) return planOfDays(run.days, run);
  const until = instantOfMillis(run.untilMs);
  const covered = coveredUntil(ledger);
  if (run.full === true) return everything(until);
  // A full run that was killed: what it has not come to may be missing still.
  if (ledger.open?.after === null) return onward(ledger, { after: undefined, until });
  if (covered === undefined) return everything(until);
  const { fullAt = -Infinity } = ledger;
  if (expiresAfterMs !== undefined && startedAt - fullAt > (expiresAfterMs / 2) * 1000)
    return again(
      { covered, until },
      `rows expire ${expiresAfterMs} ms after they were written, and the last full run is older than half of that`,
    );
  return undefined;
}

/** The same where the online store was asked for the ledger's sample, of which it has lost `lost` keys. */
export function planOfSample({ run, ledger }: Pick<Beginning, 'run' | 'ledger'>, lost: number): Plan {
  const until = instantOfMillis(run.untilMs);
  const covered = coveredUntil(ledger);
  if (lost === 0 || covered === undefined) return onward(ledger, { after: covered, until });
  return again(
    { covered, until },
    `the online store has lost rows: ${lost} of ${ledger.sample.length} keys that were looked at are gone or older than they were`,
  );
}

/** The passes of a plan that are needed: rows without a time are copied again where any of them may have changed. */
export function neededPasses(
  view: FeatureView,
  { passes, until }: Plan,
  closed: ClosedPeriods | undefined,
): readonly Pass[] {
  if (!view.isStatic) return passes;
  const isFirst = passes.some(({ selection: { after } }) => after === undefined);
  return !isFirst && closed?.changed.length === 0 ? [] : [{ selection: { until } }];
}

function everything(until: number): Plan {
  return { passes: [{ selection: { until } }], until };
}

/** Everything, though it was copied. What is gone was as of the last run, whatever this one is asked for. */
function again({ covered, until }: { readonly covered: number; readonly until: number }, why: string): Plan {
  return { ...everything(Math.max(until, covered)), why };
}

/** Goes on from where the last run has ended, or was killed. */
function onward(
  { open }: Pick<Ledger, 'open'>,
  { after, until }: { readonly after: number | undefined; readonly until: number },
): Plan {
  const passes: Pass[] = [];
  let from = after;
  if (open !== undefined && (open.after ?? undefined) === after) {
    passes.push({ selection: { after, until: open.until, position: open.position } });
    from = open.until;
  }
  if (from === undefined || from < until) passes.push({ selection: { after: from, until } });
  return { passes, until: Math.max(from ?? -Infinity, until) };
}

function planOfDays(
  { first, last }: NonNullable<MaterializeRun['days']>,
  { untilMs }: Pick<MaterializeRun, 'untilMs'>,
): Plan {
  const end = instantOfMillis(untilMs);
  const until = (last + 1) * microsPerDay;
  if (until > end)
    throw new VivaceError(
      'INVALID_ARGUMENT',
      `the days end after the run: rows are copied up to ${formatInstant(end)}`,
    );
  return { passes: [{ selection: { after: first * microsPerDay - 1, until } }], until };
}
