import { expect } from 'chai';
import fc from 'fast-check';
import {
  calendarDay,
  dayOf,
  formatInstant,
  formatMicros,
  formatMillis,
  instantOf,
  instantOfMillis,
  instantOfUtcText,
  microsPerDay,
  millisOf,
  readMoment,
  startOfDay,
  type Moment,
} from 'vivace';
import { rfc3339 } from '../../core/kernel/time.js';
import { spineSchema } from '../../core/offline/spine.js';
import { lastMomentOf } from '../../adapters/command-line/option-values.js';
import { failureOf } from '../support/failure.js';
import { fuzzRuns } from '../support/fuzz-runs.js';

const noon = Date.UTC(2001, 5, 15, 12) * 1000;

/** Texts that a person may write, with the microseconds they mean: of a date the first. */
const moments: [string, number][] = [
  ['2001-06-15', noon - microsPerDay / 2],
  ['2001-06-15T12:00Z', noon],
  ['2001-06-15T12:00:00Z', noon],
  ['2001-06-15t12:00:00z', noon],
  ['2001-06-15T14:00+02:00', noon],
  ['2001-06-15T06:30:00-05:30', noon],
  ['2001-06-15T12:00:00-00:00', noon],
  ['2001-06-15T12:00:00+00:00', noon],
  ['2001-06-15T12:00:00.5Z', noon + 500_000],
  ['2001-06-15T12:00:00.123456Z', noon + 123_456],
  ['2001-06-14T23:59:59.999999Z', noon - microsPerDay / 2 - 1],
  ['2000-02-29', Date.UTC(2000, 1, 29) * 1000],
  ['1999-12-31T23:59:59-23:59', Date.UTC(2000, 0, 1, 23, 58, 59) * 1000],
  ['1969-12-31T23:59:59.999999Z', -1],
  ['0000-01-01', Date.parse('0000-01-01T00:00:00Z') * 1000],
  ['0099-03-01T00:00Z', Date.parse('0099-03-01T00:00:00Z') * 1000],
  ['9999-12-31T23:59:59Z', Date.parse('9999-12-31T23:59:59Z') * 1000],
];

/** Texts that are refused, with the reason that the message gives. */
const refused: [string, string][] = [
  ['yesterday', ''],
  ['', ''],
  ['2001-6-15', ''],
  ['2001-06-15T12Z', ''],
  ['20010615', ''],
  ['+002001-06-15', ''],
  ['10000-01-01', ''],
  ['2001-06-15T12:00:00.Z', ''],
  ['2001-06-15T12:00:00,5Z', ''],
  ['2001-06-15T12:00:00 Z', ''],
  [' 2001-06-15', ''],
  ['2001-06-15\n', ''],
  ['2001-02-30', ': there is no such day'],
  ['1900-02-29', ': there is no such day'],
  ['2001-06-31T12:00:00Z', ': there is no such day'],
  ['2001-13-01', ': there is no such day'],
  ['2001-00-01', ': there is no such day'],
  ['2001-06-00', ': there is no such day'],
  ['2001-06-15T12:00:00', ': it has no zone'],
  ['2001-06-15T12:00', ': it has no zone'],
  ['2001-06-15 12:00:00Z', ': write a T between the day and the time'],
  ['2001-06-15T24:00:00Z', ': there is no such time of day'],
  ['2001-06-15T12:60:00Z', ': there is no such time of day'],
  ['2001-06-15T12:00:61Z', ': there is no such time of day'],
  ['2016-12-31T23:59:60Z', ': leap seconds cannot be stored'],
  ['2001-06-15T12:00:00.1234567Z', ': it has more than six decimals of a second'],
  ['2001-06-15T12:00:00+24:00', ': there is no such zone'],
  ['2001-06-15T12:00:00+02:60', ': there is no such zone'],
  ['0000-01-01T00:00:00+00:01', ': it is not within the years 0000 to 9999 in UTC'],
  ['9999-12-31T23:59:59-00:01', ': it is not within the years 0000 to 9999 in UTC'],
  ['1500-01-01T00:00:00.000001Z', ': times are exact to the microsecond only from the year 1684 to 2255'],
];

const spineOf = (times: object): object => ({ table: 'flights', time: 'departure', ...times });

describe('Times', () => {
  for (const [text, micros] of moments) {
    it(`reads ${text}, the same on the command line and in a spine`, () => {
      const { first, last } = readMoment(text) as Moment;
      expect(first).to.equal(micros);
      expect(last).to.equal(text.length === 10 ? micros + microsPerDay - 1 : micros);
      expect(instantOfMillis(lastMomentOf('--until', text))).to.equal(last);
      // One at a time: a spine that ends where it begins is a mistake.
      for (const end of ['from', 'to'] as const)
        expect(instantOfMillis(spineSchema.parse(spineOf({ [end]: text }))[end]!), end).to.equal(first);
    });
  }

  it('takes the date of today for the time so far, and leaves a later one as it is', () => {
    const nowMs = Date.parse('2001-06-15T12:00:00Z');
    const of = (text: string): number => lastMomentOf('--until', text, nowMs);
    expect(of('2001-06-15')).to.equal(nowMs);
    expect(of('2001-06-14')).to.be.lessThan(Date.parse('2001-06-15T00:00:00Z'));
    expect(of('2001-06-15T12:00:01Z')).to.equal(nowMs + 1000);
    expect(of('2001-06-16')).to.be.greaterThan(Date.parse('2001-06-16T23:59:59Z'));
  });

  for (const [text, why] of refused) {
    it(`refuses ${JSON.stringify(text)} with one message everywhere`, async () => {
      const message = `${JSON.stringify(text)} is not a time${why}; write a date such as 2001-06-15, or an RFC 3339 time with its zone such as 2001-06-15T12:00:00Z`;
      expect(readMoment(text)).to.equal(message);
      expect(await failureOf((async () => lastMomentOf('--until', text))())).to.equal(
        `Error: --until: ${message}`,
      );
      const parsed = spineSchema.safeParse(spineOf({ to: text }));
      expect(JSON.stringify(parsed.error?.issues)).to.include(JSON.stringify(message).slice(1, -1));
    });
  }

  it('says of a value that is no text what it is', () => {
    expect(
      [5, null, undefined, new Date(NaN)].map((value) => (readMoment(value) as string).split(';')[0]),
    ).to.deep.equal([
      'a number is not a time',
      'null is not a time',
      'undefined is not a time',
      'an invalid Date is not a time',
    ]);
  });

  it('takes of a request RFC 3339 to the letter: seconds, and no dates', () => {
    const full = moments.filter(([text]) => /:\d\d:\d\d/.test(text));
    for (const [text, micros] of full) expect(instantOf(text), text).to.equal(micros);
    const other = [...moments.filter(([text]) => !/:\d\d:\d\d/.test(text)), ...refused].map(([text]) => text);
    for (const text of other) expect(instantOf(text), text).to.equal(undefined);
    expect(instantOf(new Date(7))).to.equal(7000);
    expect([new Date(NaN), new Date(8.64e15), 5, null].map(instantOf)).to.deep.equal(
      Array(4).fill(undefined),
    );
  });

  it('reads every time as Date does, writes it back, and is what the pattern says', () => {
    const time = fc.date({
      min: new Date('1700-01-01T00:00:00Z'),
      max: new Date('2248-01-01T00:00:00Z'),
      noInvalidDate: true,
    });
    const shift = fc.integer({ min: -1439, max: 1439 });
    fc.assert(
      fc.property(time, shift, fc.integer({ min: 0, max: 999 }), (date, minutes, micros) => {
        const at = date.getTime() * 1000 + micros;
        const zone = `${minutes < 0 ? '-' : '+'}${new Date(Math.abs(minutes) * 60_000).toISOString().slice(11, 16)}`;
        const local = new Date(date.getTime() + minutes * 60_000).toISOString().slice(0, -1);
        const text = `${local}${String(micros).padStart(3, '0')}${zone}`;
        expect(instantOf(text), text).to.equal(at);
        expect(rfc3339.test(text)).to.equal(true);
        expect(instantOf(formatInstant(at))).to.equal(at);
        expect(formatMicros(at)).to.equal(
          `${date.toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}Z`,
        );
        expect(instantOfUtcText(formatMicros(at)!.slice(0, -1).replace('T', ' '))).to.equal(at);
        if (Math.abs(date.getTime()) < 2 ** 42) expect(instantOfMillis(millisOf(at))).to.equal(at);
      }),
      { numRuns: fuzzRuns(500) },
    );
  });

  it('reads what is like a time exactly where the pattern and Date do', () => {
    const two = fc.integer({ min: 0, max: 99 }).map((value) => String(value).padStart(2, '0'));
    const text = fc
      .tuple(
        fc.constantFrom('1999', '2000', '2001', '1900'),
        two,
        two,
        two,
        two,
        two,
        fc.constantFrom('Z', 'z', '+01:00', '-24:00', ''),
      )
      .map(
        ([year, month, day, hour, minute, second, zone]) =>
          `${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`,
      );
    const likely = fc
      .tuple(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 28, max: 31 }),
        fc.integer({ min: 58, max: 61 }),
      )
      .map(([month, day, second]) => `2001-${String(month).padStart(2, '0')}-${day}T23:59:${second}Z`);
    fc.assert(
      fc.property(fc.oneof(text, likely), (given) => {
        const [date = ''] = given.split('T');
        const ms = Date.parse(given.toUpperCase());
        const midnight = Date.parse(`${date}T00:00:00Z`);
        const real =
          rfc3339.test(given) && !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(date);
        expect(instantOf(given), given).to.equal(real ? ms * 1000 : undefined);
      }),
      { numRuns: fuzzRuns(2000) },
    );
  });

  it('knows the calendar as Date does', () => {
    fc.assert(
      fc.property(fc.integer({ min: -800_000, max: 2_900_000 }), (day) => {
        const date = new Date(day * 86_400_000);
        const newYear = new Date(date);
        newYear.setUTCMonth(0, 1);
        expect(calendarDay(day)).to.deep.equal({
          year: date.getUTCFullYear(),
          month: date.getUTCMonth() + 1,
          day: date.getUTCDate(),
          weekday: ((date.getUTCDay() + 6) % 7) + 1,
          dayOfYear: (date.getTime() - newYear.getTime()) / 86_400_000 + 1,
        });
        expect(dayOf(startOfDay(day))).to.equal(day);
        expect(dayOf(startOfDay(day) - 1000)).to.equal(day - 1);
        expect(dayOf(startOfDay(day + 1) - 1000)).to.equal(day);
      }),
      { numRuns: fuzzRuns(2000) },
    );
  });

  it('writes as many digits as there are, and nothing for what is no time', () => {
    expect([noon, noon + 5000, noon + 5, NaN, Infinity, 1e18].map(formatInstant)).to.deep.equal([
      '2001-06-15T12:00:00Z',
      '2001-06-15T12:00:00.005Z',
      '2001-06-15T12:00:00.000005Z',
      null,
      null,
      null,
    ]);
    expect([noon / 1000, noon / 1000 + 5.9, NaN].map(formatMillis)).to.deep.equal([
      '2001-06-15T12:00:00.000Z',
      '2001-06-15T12:00:00.005Z',
      null,
    ]);
  });

  it('reads what warehouses write, in UTC and without a zone', () => {
    const texts = [
      '2001-06-15',
      '2001-06-15 12:00:00',
      '2001-06-15T12:00:00.000005',
      '0001-01-01T00:00:00.000001',
    ];
    expect(texts.map(instantOfUtcText)).to.deep.equal([
      noon - microsPerDay / 2,
      noon,
      noon + 5,
      Date.parse('0001-01-01T00:00:00Z') * 1000 + 1,
    ]);
    expect(['2001-06-15T12:00:00Z', '2001-02-30', 'x'].map(instantOfUtcText)).to.deep.equal(
      Array(3).fill(undefined),
    );
  });
});
