import { expect } from 'chai';
import { columnOf, ColumnWriter, parseType, transform, type Cell, type Transform } from 'vivace';
import { makePart, startPart, transformContract } from 'vivace/testing';
import { calendar } from 'vivace/plugins/calendar';

async function parts(times: (string | null)[], options: object = {}): Promise<Record<string, Cell[]>> {
  const part = await startPart(calendar, options);
  const apply: Transform = part.face(transform);
  const time = columnOf(
    parseType('timestamp'),
    times.map((text) => (text === null ? null : Date.parse(text) * 1000)),
  );
  const names = ['hour', 'weekday', 'month', 'day_of_year'];
  const writers = Object.fromEntries(
    names.map((name) => [name, new ColumnWriter(parseType('int32'), times.length)]),
  );
  apply.apply(
    { rows: times.length, offsets: new Uint32Array(0), column: () => time },
    { column: (name) => writers[name]! },
  );
  await part.stop();
  return Object.fromEntries(
    names.map((name) => [
      name,
      times.map((text, row) => (text === null ? null : (writers[name]!.values[row] as number))),
    ]),
  );
}

describe('calendar', () => {
  transformContract({
    runner: { describe, it, beforeEach, afterEach },
    make: () => makePart(calendar),
    description: calendar.describe!({} as never),
    rows: [{ time: 992_593_800_000_000 }, { time: null }, { time: -1 }],
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
