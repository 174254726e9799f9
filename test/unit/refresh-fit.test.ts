import { expect } from 'chai';
import { copiedUntil } from '../../core/offline/copied-until.js';
import { fitRefresh } from '../../core/offline/refresh-fit.js';
import type { LedgerRun } from '../../core/views/ledger.js';

const minute = 60_000;
const day = 24 * 60 * minute;
const night = (n: number): number => Date.UTC(2026, 2, 1 + n, 3);
const nightly = { everyMs: day, offsetMs: 3 * 60 * minute, delayMs: 10 * minute };

/** Runs of some nights: how long after 03:00 each one ended, and up to when it copied, milliseconds after 03:00. */
function runs(ends: readonly number[], until = 0): LedgerRun[] {
  return ends.map((end, n) => ({
    startedAt: (night(n) + until) * 1000,
    endedAt: (night(n) + end) * 1000,
    after: n === 0 ? null : (night(n - 1) + until) * 1000,
    until: (night(n) + until) * 1000,
    rows: 1,
    written: 1,
  }));
}

describe('The fit of refresh', () => {
  it('holds where every run ended in time', () => {
    const fit = fitRefresh(nightly, { runs: runs([9, 8, 10, 2].map((n) => n * minute)) });
    expect([fit.holds, fit.set, fit.missed]).to.deep.equal([true, undefined, 0]);
    expect(fit.boundaries.map(({ lateMs }) => lateMs / minute)).to.deep.equal([8, 10, 2]);
  });

  it('gives the delay that would have held', () => {
    const fit = fitRefresh(nightly, { runs: runs([1, 8, 24.2, 2].map((n) => n * minute)) });
    expect(fit).to.deep.include({ holds: false, set: { ...nightly, delayMs: 25 * minute } });
  });

  it('leaves out a night without a run, and says so', () => {
    const all = runs([1, 1, 1, 5, 1].map((n) => n * minute));
    all[3] = { ...all[3]!, after: all[1]!.until };
    const fit = fitRefresh(nightly, { runs: all.filter((_, n) => n !== 2) });
    expect([fit.holds, fit.missed, fit.set]).to.deep.equal([false, 1, undefined]);
    const short = fitRefresh({ ...nightly, delayMs: 4 * minute }, { runs: all.filter((_, n) => n !== 2) });
    expect(short).to.deep.include({ holds: false, missed: 1, set: { ...nightly, delayMs: 5 * minute } });
  });

  it('finds out how often a job runs where the view does not say', () => {
    const jitter = runs([7, 6, 8, 6].map((n) => n * minute)).map((run, n) => ({
      ...run,
      until: run.until + n * 4_000_000,
    }));
    const fit = fitRefresh(undefined, { runs: jitter });
    expect(fit).to.deep.include({ holds: false, set: { ...nightly, delayMs: 8 * minute } });
  });

  it('finds the boundary of runs around midnight', () => {
    const ms = [-20_000, 15_000, 40_000, 5_000].map((off, n) => Date.UTC(2026, 2, 2 + n) + off);
    const around = ms.map((at, n) => ({
      startedAt: at * 1000,
      endedAt: (at + minute) * 1000,
      after: n === 0 ? null : ms[n - 1]! * 1000,
      until: at * 1000,
      rows: 0,
      written: 0,
    }));
    expect(fitRefresh(undefined, { runs: around }).set).to.deep.equal({
      everyMs: day,
      offsetMs: day - minute,
      delayMs: 3 * minute,
    });
  });

  it('holds for a constant delay where runs follow each other closely enough', () => {
    const close = Array.from({ length: 5 }, (_, n) => ({
      startedAt: n * 5 * minute * 1000,
      endedAt: (n * 5 + 1) * minute * 1000,
      after: n === 0 ? null : (n - 1) * 5 * minute * 1000,
      until: n * 5 * minute * 1000,
      rows: 0,
      written: 0,
    }));
    expect(fitRefresh({ offsetMs: 0, delayMs: 6 * minute }, { runs: close }).holds).to.equal(true);
    expect(fitRefresh({ offsetMs: 0, delayMs: 5 * minute }, { runs: close })).to.deep.include({
      holds: false,
      set: { everyMs: 5 * minute, offsetMs: 0, delayMs: minute },
    });
  });

  it('concludes nothing of two runs, nor of one that copies the past', () => {
    const [first, second, ...more] = runs([1, 1, 1, 1]);
    expect(fitRefresh(nightly, { runs: [first!, second!] })).to.deep.equal({
      declared: nightly,
      runs: 2,
      boundaries: [],
      missed: 0,
    });
    const past = { ...second!, until: first!.until - 1, endedAt: night(9) * 1000 };
    const fit = fitRefresh(nightly, { runs: [first!, second!, ...more, past] });
    expect([fit.holds, fit.runs, fit.boundaries.length]).to.deep.equal([true, 5, 3]);
  });
});

describe('What had been copied at a moment', () => {
  const known = runs([minute, minute, minute]);
  const at = (n: number, ms: number): number => (night(n) + ms) * 1000;

  it('is what runs had copied that had ended', () => {
    expect(copiedUntil({ runs: known }, at(1, minute - 1))).to.equal(at(0, 0));
    expect(copiedUntil({ runs: known }, at(1, minute))).to.equal(at(1, 0));
  });

  it('is nothing before the first run, and unknown where runs are forgotten or there are none', () => {
    expect(copiedUntil({ runs: known }, at(0, 0))).to.equal(-Infinity);
    expect(copiedUntil({ runs: known.slice(1) }, at(0, 0))).to.equal(undefined);
    expect(copiedUntil({ runs: [] }, at(0, 0))).to.equal(undefined);
    const twenty = runs(new Array<number>(20).fill(minute));
    expect(copiedUntil({ runs: twenty }, at(0, 0))).to.equal(undefined);
  });

  it('goes on from what earlier runs had copied, and not past a gap', () => {
    const later = known.slice(1).map((run, i) => (i === 0 ? run : { ...run, after: run.until - 1 }));
    expect(copiedUntil({ runs: later }, at(2, minute))).to.equal(at(1, 0));
  });
});
