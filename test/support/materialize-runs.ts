import type { FeatureView, Ledger, Materialized, MaterializeRun } from 'vivace';
import { of, type Run, type TileRuns } from './tile-runs.js';

/** What a suite of materializations that follow one another works with: a store, anew for each test, and how its rows got there. */
export interface MaterializeRuns extends Pick<Run, 'hot' | 'logged'> {
  /** Copies up to a time, a second after the run before. */
  readonly run: (of: FeatureView, until: string, options?: Partial<MaterializeRun>) => Promise<Materialized>;
  readonly ledger: (of: FeatureView) => Promise<Ledger>;
}

/** Starts a materialization before each test of the suite that is being described. */
export function materializeRuns(fixture: TileRuns): MaterializeRuns {
  let started: Run;
  beforeEach(async () => {
    started = await fixture.start({});
  });
  return {
    get hot() {
      return started.hot;
    },
    get logged() {
      return started.logged;
    },
    run: (of, until, options) => {
      fixture.nowMs += 1000;
      return started.copy(of, until, options);
    },
    ledger: (of) => started.ledger(of),
  };
}

/** A view of the events as they are. */
export const plain = of({ v: { type: 'float64' } });
/** A view of what days of events add up to. */
export const sums = of({
  n: { aggregate: 'count', windowDays: [1, 3] },
  total: { aggregate: 'sum', of: 'v', windowDays: 3 },
});
