import { expect } from 'chai';
import { timeBounds } from 'vivace';
import { emptyLedger, parseLedger } from '../../core/views/ledger.js';

describe('parseLedger', () => {
  it('takes every time that a row may have', () => {
    for (const time of [timeBounds.first, timeBounds.last, 0, -62_135_596_800_000_000]) {
      const ledger = {
        ...emptyLedger('v'),
        covered: [{ after: null, until: time }],
        sample: [{ hash: 1, key: ['a'], eventTime: time, availableTime: time }],
      };
      expect(parseLedger(JSON.stringify(ledger))).to.deep.equal(ledger);
    }
  });

  it('refuses a time that is not whole', () => {
    const ledger = { ...emptyLedger('v'), covered: [{ after: null, until: 0.5 }] };
    expect(() => parseLedger(JSON.stringify(ledger))).to.throw();
  });
});
