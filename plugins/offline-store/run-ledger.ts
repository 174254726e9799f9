import {
  coveredUntil,
  mergeRestatements,
  mergeSamples,
  type FeatureView,
  type Ledger,
  type LedgerKey,
  type LedgerRun,
  type SampledKey,
} from 'vivace';
import type { ClosedPeriods } from './closed-periods.js';
import type { Restatement } from './restatement.js';
import type { Selection } from './rows-to-copy.js';

/** The ledger while a pass is under way: how far it has come, and some of the keys that it has written. */
export function ledgerUnderWay(
  ledger: Ledger,
  { after, until }: Selection,
  {
    startedAt,
    position,
    sample,
  }: { readonly startedAt: number; readonly position: LedgerKey; readonly sample: readonly SampledKey[] },
): Ledger {
  const open = { startedAt, after: after ?? null, until, position };
  return { ...ledger, open, sample: mergeSamples(ledger.sample, sample) };
}

/** The ledger without a pass that is under way. */
export function ledgerWithoutOpen(ledger: Ledger): Ledger {
  const { open: _, ...closed } = ledger;
  return closed;
}

/** The ledger after a pass that has copied everything up to `until`; `sample` are the keys that later runs look at. */
export function ledgerAfterPass(
  ledger: Ledger,
  { after }: Selection,
  {
    startedAt,
    until,
    sample,
  }: { readonly startedAt: number; readonly until: number; readonly sample: readonly SampledKey[] },
): Ledger {
  return {
    ...ledgerWithoutOpen(ledger),
    covered: [...ledger.covered, { after: after ?? null, until }],
    ...(after === undefined ? { fullAt: startedAt } : {}),
    sample,
  };
}

/** The ledger before rows of the past are written anew: a run that is killed must not have given them a time that the next one gives to others. */
export function ledgerRestating(ledger: Ledger, { pass: { availableTime }, periods }: Restatement): Ledger {
  return {
    ...ledger,
    restatements: mergeRestatements(ledger.restatements ?? [], [{ availableTime, periods }]),
  };
}

/** The ledger once everything is done. */
export function ledgerAfterRun(
  ledger: Ledger,
  { name }: FeatureView,
  {
    run,
    closed,
    restated,
  }: {
    readonly run: LedgerRun;
    readonly closed: ClosedPeriods | undefined;
    readonly restated: Restatement | undefined;
  },
): Ledger {
  const ended =
    restated === undefined
      ? []
      : [
          {
            availableTime: restated.pass.availableTime,
            periods: restated.periods,
            endedAt: run.endedAt,
          },
        ];
  return {
    ...ledger,
    ...(ended.length === 0 ? {} : { restatements: mergeRestatements(ledger.restatements ?? [], ended) }),
    view: name,
    ...(closed === undefined || coveredUntil(ledger) === undefined ? {} : { closed: closed.now }),
    runs: [...ledger.runs, run],
  };
}
