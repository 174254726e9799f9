import { expect } from 'chai';
import { relativeError } from '../../core/offline/relative-error.js';
import { causeOf, skewCauses, type RowIdentity, type SkewFacts } from '../../core/offline/skew-cause.js';

const row = (
  eventTime: number,
  availableTime = eventTime,
  status: RowIdentity['status'] = 'PRESENT',
): RowIdentity => ({ status, eventTime, availableTime });
const missing = row(0, 0, 'MISSING');
const failed = row(0, 0, 'FAILED');

/** One row with the same times in both, and a value that is half off: nothing explains it. */
const facts: SkewFacts = {
  sameContract: true,
  served: row(100),
  recomputed: row(100),
  isStatic: false,
  knownUntil: 200,
  answeredAt: 200,
  copiedUntil: 190,
  isRewritten: false,
  waits: false,
  error: 0.5,
  tolerance: 1e-9,
};
/** What is served is older than what is computed anew. */
const older = { served: row(100), recomputed: row(150) };
/** What is served is newer. */
const newer = { served: row(150), recomputed: row(100) };

/** A restatement has given the row that is served a later time. */
const rewritten = { served: row(100, 120), isRewritten: true };

describe('The cause of a difference', () => {
  for (const [what, given, cause] of [
    ['another contract', { sameContract: false }, 'definition'],
    ['another contract, before everything else', { sameContract: false, served: failed }, 'definition'],
    ['a read that failed', { served: failed }, 'outage'],
    ['a row that the store keeps for a shorter time', { served: missing, expiresAfter: 50 }, 'expired'],
    [
      'a row that the store keeps long enough',
      { served: missing, expiresAfter: 150, copiedUntil: 90 },
      'behind',
    ],
    ['a key that had an earlier row in the store', { served: missing, hadEarlier: true }, 'expired'],
    ['a key whose only row came later than it says', { served: missing, hadEarlier: false }, 'late'],
    [
      'a key that had a row, where its last one was not copied yet',
      { served: missing, hadEarlier: true, copiedUntil: 90 },
      'behind',
    ],
    [
      'a row of which the ledger says nothing',
      { served: missing, hadEarlier: true, copiedUntil: undefined },
      'behind',
    ],
    ['days that were restated', { ...newer, restated: 'since' }, 'restated'],
    ['days that were restated, with the same times', { restated: 'since' }, 'restated'],
    ['days that were restated, and rounding', { restated: 'since', error: 1e-12 }, 'rounding'],
    ['days that were restated, with a row before its own', { ...older, restated: 'since' }, 'restated'],
    ['the same, not copied by then', { ...older, restated: 'since', copiedUntil: 149 }, 'behind'],
    ['days that had been restated without the row', { restated: 'before', past: 'same' }, 'restated'],
    ['days that had been restated, with more rows since', { restated: 'before', past: 'more' }, 'late'],
    [
      'days that had been restated, with other rows since',
      { restated: 'before', past: 'others' },
      'restated',
    ],
    ['days that had been restated, and a row from behind them', { ...older, restated: 'before' }, 'late'],
    [
      'days that had been restated, and a row that is not copied yet',
      { ...older, restated: 'before', copiedUntil: 149 },
      'behind',
    ],
    [
      'a row that had gone when its days were restated',
      { ...newer, restated: 'before', past: 'same' },
      'restated',
    ],
    ['the time of a restatement', { ...rewritten, error: 0 }, 'restated'],
    [
      'the time of a restatement, from after the request',
      { ...rewritten, knownUntil: 110, error: 0 },
      'restated',
    ],
    ['the time of a restatement, and rounding', { ...rewritten, error: 1e-12 }, 'rounding'],
    ['a row that was written anew, and is another one now', { ...rewritten, past: 'others' }, 'restated'],
    ['a row that was written anew, with more rows since', { ...rewritten, past: 'more' }, 'late'],
    ['a row that was written anew, and one after it', { ...rewritten, recomputed: row(150) }, 'late'],
    ['a row that was written anew with another value', { ...rewritten, past: 'same' }, 'unexplained'],
    [
      'a later time that no restatement gave',
      { served: row(100, 120), past: 'same', error: 0 },
      'unexplained',
    ],
    ['the same row with other values, as the source has others', { past: 'others' }, 'restated'],
    ['a row that has gone from the source', { ...newer, past: 'others' }, 'restated'],
    ['a row that has gone, where nothing tells', newer, 'restated'],
    ['an earlier time than the source has now', { ...older, past: 'others' }, 'restated'],
    ['a run that had not come that far', { ...older, copiedUntil: 149 }, 'behind'],
    ['a store that nothing was copied to', { ...older, copiedUntil: -Infinity }, 'behind'],
    ['a ledger that does not reach back', { ...older, copiedUntil: undefined }, 'behind'],
    [
      'a run that had not come that far, beside a cache',
      { ...older, copiedUntil: 149, cachedFrom: row(100) },
      'behind',
    ],
    ['a cache that may have kept it', { ...older, cachedFrom: row(100) }, 'cached'],
    [
      'a cache that may have kept it, without a ledger',
      { ...older, copiedUntil: undefined, cachedFrom: row(90) },
      'cached',
    ],
    ['a cache that kept that there is no row', { ...older, served: missing, cachedFrom: missing }, 'cached'],
    ['a cache that cannot have kept it as long', { ...older, cachedFrom: row(120) }, 'late'],
    ['a run that should have copied it', older, 'late'],
    ['a run that should have copied it, with more rows now', { ...older, past: 'more' }, 'late'],
    ['more rows now, and the same times, as aggregates have', { past: 'more' }, 'late'],
    ['a row that was there when it was not copied', { ...older, past: 'same' }, 'unexplained'],
    ['the same, of a source whose rows may wait', { ...older, past: 'same', waits: true }, 'late'],
    ['a row from after what could be known', { ...newer, knownUntil: 149 }, 'ahead'],
    ['a row that became known too late', { ...newer, served: row(120, 250) }, 'ahead'],
    ['a row where none could be known', { served: row(250), recomputed: missing }, 'ahead'],
    ['the last digits', { error: 1e-12 }, 'rounding'],
    ['one row with two values', {}, 'unexplained'],
    ['one row with two values, of a source that is what it was', { past: 'same' }, 'unexplained'],
    ['another row, of a source that is what it was', { ...newer, past: 'same' }, 'unexplained'],
    ['a static row with another value', { isStatic: true }, 'restated'],
    ['a static row that is there now', { isStatic: true, served: missing }, 'restated'],
    ['a static row that a store may drop', { isStatic: true, served: missing, expiresAfter: 1 }, 'expired'],
    ['a static row and rounding', { isStatic: true, error: 1e-12 }, 'rounding'],
  ] as const)
    it(`is ${cause} for ${what}`, () => {
      expect(causeOf({ ...facts, ...(given as Partial<SkewFacts>) })).to.equal(cause);
    });

  it('is one of ten', () => {
    expect(skewCauses).to.have.lengthOf(10);
  });
});

describe('The relative error of a value', () => {
  for (const [a, b, error] of [
    [1, 1, 0],
    [NaN, NaN, 0],
    [0, -0, 0],
    [1, 2, 0.5],
    [-1, 1, 2],
    [0, 5e-324, 1],
    [1, NaN, Infinity],
    [1, Infinity, Infinity],
    [1, null, Infinity],
    [null, null, 0],
    [2n, 4n, 0.5],
    [9007199254740993n, 9007199254740992n, Number.EPSILON],
    ['a', 'a', 0],
    ['a', 'b', Infinity],
    [true, false, Infinity],
    [[1, 2, 4], [1, 2, 8], 0.5],
    [[1], [1, 2], Infinity],
    [[1, null], [1, null], 0],
    [Uint8Array.of(1), Uint8Array.of(1), 0],
  ] as const)
    it(`of ${String(a)} and ${String(b)} is ${error}`, () => {
      expect(relativeError(a, b)).to.equal(error);
    });
});
