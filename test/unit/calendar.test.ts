import { expect } from 'chai';
import { calendar } from 'vivace/plugins/calendar';
import { applyTransform, startPart, transformContract } from 'vivace/testing';

const micros = (text: string): number => Date.parse(text) * 1000;

async function parts(times: (string | null)[], options: object = {}): Promise<Record<string, unknown[]>> {
  const part = await startPart(calendar, options);
  const rows = applyTransform(
    part,
    times.map((text) => ({ time: text === null ? null : micros(text) })),
  );
  await part.stop();
  const names = ['hour', 'weekday', 'month', 'day_of_year'] as const;
  return Object.fromEntries(names.map((name) => [name, rows.map((row) => row[name])]));
}

describe('calendar', () => {
  transformContract({
    runner: { describe, it, beforeEach, afterEach },
    definition: calendar,
    rows: [
      {
        input: { time: micros('2001-06-15T08:30:00Z') },
        expect: { hour: 8, weekday: 5, month: 6, day_of_year: 166 },
      },
      { input: { time: null }, expect: { hour: null, weekday: null, month: null, day_of_year: null } },
      { input: { time: -1 }, expect: { hour: 23, weekday: 3, month: 12, day_of_year: 365 } },
    ],
  });

  it('takes a time apart in UTC', async () => {
    expect(
      await parts(['2001-06-15T08:30:00Z', '1969-12-31T23:59:59Z', '2000-12-31T00:00:00Z']),
    ).to.deep.equal({
      hour: [8, 23, 0],
      weekday: [5, 3, 7],
      month: [6, 12, 12],
      day_of_year: [166, 365, 366],
    });
  });

  it('adds the offset first', async () => {
    const { hour, weekday } = await parts(['2001-06-15T23:30:00Z'], { offsetMinutes: 60 });
    expect([hour, weekday]).to.deep.equal([[0], [6]]);
  });

  it('gives null for null', async () => {
    expect((await parts([null])).hour).to.deep.equal([null]);
  });
});
