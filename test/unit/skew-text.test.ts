import { expect } from 'chai';
import type { RefreshFit, SkewReport } from 'vivace';
import { skewText } from '../../adapters/command-line/skew-text.js';

const nightly = { everyMs: 86_400_000, offsetMs: 10_800_000, delayMs: 600_000 };
const due = Date.UTC(2026, 2, 2, 3) * 1000;
const boundary = (lateMs: number): RefreshFit['boundaries'][number] => ({
  due,
  endedAt: due + lateMs * 1000,
  lateMs,
});
const report = (refresh: SkewReport['refresh']): SkewReport => ({
  pipeline: 'offer',
  from: '2026-03-01T00:00:00Z',
  to: '2026-03-02T00:00:00Z',
  rows: 1200,
  compared: 2400,
  mismatches: 3,
  unexplained: 0,
  fetches: [
    {
      fetch: 'customer',
      view: 'customer',
      rows: 1200,
      mismatches: 3,
      causes: { late: 1, behind: 2 },
      features: [
        {
          name: 'spent',
          rows: 1200,
          mismatches: 2,
          error: { p50: 0.125, p99: 2 / 3 },
          causes: { behind: 2 },
        },
        { name: 'tier', rows: 1200, mismatches: 0, causes: {} },
      ],
      examples: [],
    },
  ],
  notCompared: [],
  refresh,
});
const ofRefresh = (fit: RefreshFit): readonly string[] => skewText(report({ customer: fit })).slice(5);

describe('The text of a report on skew', () => {
  it('has a table of fetches and features, with their causes in one order', () => {
    expect(skewText(report({}))).to.deep.equal([
      'offer: 1,200 logged rows from 2026-03-01T00:00:00Z to 2026-03-02T00:00:00Z; 3 of 2,400 fetched rows differ',
      'fetch     rows   differ  error p50  error p99  causes',
      'customer  1,200  3                             behind 2, late 1',
      '  spent   1,200  2       0.125      0.667      behind 2',
      '  tier    1,200  0',
    ]);
  });

  for (const [what, served, recomputed, values, text] of [
    [
      'values',
      { status: 'PRESENT', eventTime: '2026-03-01T00:00:00Z', availableTime: '2026-03-01T00:00:00Z' },
      { status: 'PRESENT', eventTime: '2026-03-01T00:00:00Z', availableTime: '2026-03-01T00:00:00Z' },
      { spent: { served: 1, recomputed: 2 } },
      'served PRESENT of 2026-03-01T00:00:00Z, computed PRESENT of 2026-03-01T00:00:00Z: spent 1, not 2',
    ],
    [
      'when it became known',
      { status: 'PRESENT', eventTime: '2026-03-01T00:00:00Z', availableTime: '2026-03-02T00:00:00Z' },
      { status: 'PRESENT', eventTime: '2026-03-01T00:00:00Z', availableTime: '2026-03-01T00:00:00Z' },
      {},
      'served PRESENT of 2026-03-01T00:00:00Z known 2026-03-02T00:00:00Z, computed PRESENT of 2026-03-01T00:00:00Z known 2026-03-01T00:00:00Z; the values are the same',
    ],
    [
      'its status',
      { status: 'STALE', eventTime: '2026-03-01T00:00:00Z', availableTime: '2026-03-01T00:00:00Z' },
      { status: 'MISSING' },
      {},
      'served STALE of 2026-03-01T00:00:00Z, computed MISSING; the values are the same',
    ],
  ] as const satisfies readonly (readonly [string, ...unknown[]])[])
    it(`says of a row that nothing explains what differs: ${what}`, () => {
      const of = report({});
      const example = {
        cause: 'unexplained',
        requestId: 'r',
        index: 0,
        time: '2026-03-02T00:00:00Z',
        served,
        recomputed,
        values,
      } as const;
      const fetches = of.fetches.map((each) => ({ ...each, examples: [example] }));
      expect(skewText({ ...of, fetches }).at(-1)).to.equal(
        `customer: unexplained: request r, object 0, at 2026-03-02T00:00:00Z: ${text}`,
      );
    });

  for (const [what, fit, expected] of [
    [
      'that holds',
      { declared: nightly, runs: 4, boundaries: [boundary(90_000)], holds: true, missed: 0 },
      [
        'customer: refresh: { everyMs: 86400000, offsetMs: 10800000, delayMs: 600000 } holds: every run of the last 4 ended in time',
        '  due 2026-03-02T03:00:00Z  ended 2026-03-02T03:01:30Z  1.5 min later',
      ],
    ],
    [
      'that does not hold',
      {
        declared: nightly,
        runs: 4,
        boundaries: [boundary(720_000)],
        holds: false,
        set: { ...nightly, delayMs: 720_000 },
        missed: 0,
      },
      [
        'customer: refresh: { everyMs: 86400000, offsetMs: 10800000, delayMs: 600000 } does not hold: set refresh: { everyMs: 86400000, offsetMs: 10800000, delayMs: 720000 }',
        '  due 2026-03-02T03:00:00Z  ended 2026-03-02T03:12:00Z  12 min later',
      ],
    ],
    [
      'that a night without a run has broken',
      { declared: nightly, runs: 4, boundaries: [boundary(180_000_000)], holds: false, missed: 1 },
      [
        'customer: refresh: { everyMs: 86400000, offsetMs: 10800000, delayMs: 600000 } does not hold',
        '  due 2026-03-02T03:00:00Z  ended 2026-03-04T05:00:00Z  2 days later',
        '  1 run did not come before the next one was due, which no value covers',
      ],
    ],
    [
      'that is not there',
      { runs: 3, boundaries: [], holds: false, set: { everyMs: 60_000, offsetMs: 0, delayMs: 0 }, missed: 0 },
      ['customer: has no `refresh`, but runs of materialize keep it up: set refresh: { everyMs: 60000 }'],
    ],
    [
      'of a view without enough runs',
      { declared: nightly, runs: 1, boundaries: [], missed: 0 },
      ['customer: its ledger has only 1 run of materialize, too few to compare with `refresh`'],
    ],
  ] as const)
    it(`says of a refresh ${what} what there is to set`, () => {
      expect(ofRefresh(fit)).to.deep.equal(expected);
    });
});
