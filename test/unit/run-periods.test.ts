import { expect } from 'chai';
import { amongDays, parsePeriod, periodText } from 'vivace';
import { goesOn } from '../../core/views/run-periods.js';

describe('Periods of runs', () => {
  for (const [span, text] of [
    [{ first: 11_488, last: 11_488 }, '2001-06-15'],
    [{ first: 11_474, last: 11_488 }, '2001-06-01/2001-06-15'],
    [{ first: -1, last: 0 }, '1969-12-31/1970-01-01'],
  ] as const)
    it(`are written and read: ${text}`, () => {
      expect(periodText(span)).to.equal(text);
      expect(parsePeriod(text)).to.deep.equal(span);
    });

  it('go on where they leave nothing out', () => {
    expect([{ after: null }, { after: 5 }, { after: 6 }].map((run) => goesOn(run, 5))).to.deep.equal([
      true,
      true,
      false,
    ]);
  });

  it('are a range for each run of days in SQL', () => {
    expect(amongDays('kept_day', [-2, -1, 0, 4, 6, 7])).to.equal(
      '(kept_day BETWEEN -2 AND 0 OR kept_day BETWEEN 4 AND 4 OR kept_day BETWEEN 6 AND 7)',
    );
  });
});
