import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { FeatureView } from 'vivace';
import { view } from '../../core/testing/view.js';
import { numbersFrom, randomHistory } from '../../core/testing/offline-store/histories.js';
import { failureOf } from '../support/failure.js';
import {
  day,
  dayText,
  hours,
  knownBy,
  many,
  of,
  shop,
  sums,
  text,
  tileRuns,
  type Event,
} from '../support/tile-runs.js';

describe('Materialization over kept tiles', function () {
  // Many runs, each of many queries.
  this.timeout(120_000);
  const fixture = tileRuns();
  const { start, write } = fixture;

  const whole = (): FeatureView =>
    view({
      entity: { k: 'string' },
      source: {
        query: `SELECT *, CAST(ROUND(v * 1e15) AS BIGINT) AS n FROM '${join(fixture.directory, 'sales.csv')}'`,
        eventTime: 'at',
        availableTime: 'known',
      },
      features: {
        spread: { aggregate: 'stddev', of: 'n', windowDays: 5 },
        total: { aggregate: 'sum', of: 'n', windowDays: 2 },
      },
    });

  for (const [what, made] of [
    ['sums and deviations', () => sums],
    ['values of events, different values, bounds and shares', () => many],
    ['hours', () => hours],
    ['integers, of a query', whole],
  ] as const) {
    it(`leads to the same bytes as without, run after run: ${what}`, async () => {
      const each = made();
      const random = numbersFrom(5);
      const events = randomHistory(23, { events: 400, keys: 15 }).map((event): Event => [
        event.key,
        text(event.event * day),
        text(Math.round(event.available * day)),
        event.value === null ? null : event.value / 7,
      ]);
      const bare = await start({});
      const kept = await start({ tiles: fixture.tiles });
      let [read, readBare] = [0, 0];
      for (let at = 2; at < 46; at += random() < 0.2 ? 7 : random() < 0.5 ? 0.5 : 3) {
        write(events.filter(([, , known]) => Date.parse(known) <= at * day));
        readBare += (await bare.copy(each, text(at * day))).read.rows!;
        read += (await kept.copy(each, text(at * day))).read.rows!;
        expect([...kept.hot.rows()], `at ${at}`).to.deep.equal([...bare.hot.rows()]);
      }
      expect(read).to.be.lessThan(readBare / 3);
      // As of a moment that is over, into an empty store.
      kept.hot.entries.clear();
      bare.hot.entries.clear();
      for (const { copy } of [bare, kept]) await copy(each, text(20.3 * day));
      expect([...kept.hot.rows()]).to.deep.equal([...bare.hot.rows()]);
    });
  }

  it('reads the rows of no more than two days for the run of a day', async () => {
    const events = shop();
    const kept = await start({ tiles: fixture.tiles });
    write(knownBy(events, dayText(98)));
    expect((await kept.copy(sums, dayText(98))).read).to.deep.equal({
      rows: knownBy(events, dayText(98)).length,
      compared: 0,
    });
    const known = knownBy(events, dayText(99));
    write(known);
    const { read } = await kept.copy(sums, dayText(99));
    const newRows = known.length - knownBy(events, dayText(98)).length;
    expect(read).to.deep.equal({ rows: newRows, compared: known.length - newRows });
    expect(newRows).to.be.within(1, 80);
  });

  it('reads no row of the source for a window that is added over kept tiles', async () => {
    const events = knownBy(shop(), dayText(90));
    write(events);
    const kept = await start({ tiles: fixture.tiles });
    await kept.copy(sums, dayText(90));
    const longer = of({
      mean: { aggregate: 'mean', of: 'v', windowDays: [1, 14] },
      spread: { aggregate: 'stddev', of: 'v', windowDays: 14 },
    });
    expect((await kept.copy(longer, dayText(90))).read).to.deep.equal({ rows: 0, compared: events.length });
    const bare = await start({});
    await bare.copy(longer, dayText(90));
    await bare.copy(sums, dayText(90));
    expect([...kept.hot.rows()]).to.deep.equal([...bare.hot.rows()]);
    // And nothing is compared where that is not wanted.
    kept.hot.entries.clear();
    expect((await kept.copy(longer, dayText(90), { trustClosed: true })).read).to.deep.equal({
      rows: 0,
      compared: 0,
    });
    // A measure more is folded alone.
    const sets = readdirSync(fixture.tiles).length;
    const above = of({ above: { aggregate: 'share', of: 'v', above: 7, windowDays: 14 } });
    expect((await kept.copy(above, dayText(90))).read.rows).to.equal(events.length);
    expect(readdirSync(fixture.tiles)).to.have.length(sets + 1);
    // Other rows, keys or grains are other tiles.
    for (const other of [
      of({ n: { aggregate: 'count', windowDays: 3 } }, { where: { v: { min: 10 } } }),
      of({ n: { aggregate: 'count', windowDays: 3 } }, { distinct: true }),
      of({ n: { aggregate: 'count', windowHours: 3 } }),
      of({ n: { aggregate: 'count', windowDays: 3 } }, { availableTime: 'at' }),
    ])
      expect((await kept.copy(other, dayText(90))).read.rows).to.be.greaterThan(3000);
  });

  it('folds days anew whose rows have changed, come or gone, for views that never saw the others too', async () => {
    const events = knownBy(shop(), dayText(60));
    const gone = events.findIndex(([, at, known]) => Date.parse(known) > Date.parse(at) + 5 * day);
    const changes: (readonly Event[])[] = [
      events.map((event, i) => (i === 700 ? ([...event.slice(0, 3), 5000] as unknown as Event) : event)),
      events.filter((_, i) => i !== gone),
      [...events, ['k1', dayText(10), dayText(10), 7]],
      events.filter(([, at]) => !at.startsWith(dayText(30).slice(0, 10))),
    ];
    for (const changed of changes) {
      write(events);
      const kept = await start({ tiles: fixture.tiles });
      await kept.copy(sums, dayText(60));
      write(changed);
      expect(await failureOf(kept.copy(sums, dayText(61)))).to.match(/--restate/);
      const other = await start({ tiles: fixture.tiles });
      const bare = await start({});
      const { read } = await other.copy(sums, dayText(60));
      expect(read.rows).to.be.lessThan(events.length / 5);
      await bare.copy(sums, dayText(60));
      expect([...other.hot.rows()]).to.deep.equal([...bare.hot.rows()]);
      await kept.copy(sums, dayText(61), { restate: true });
      await bare.copy(sums, dayText(61));
      expect([...kept.hot.rows()].map(([key, value]) => [key, value.slice(48)])).to.deep.equal(
        [...bare.hot.rows()].map(([key, value]) => [key, value.slice(48)]),
      );
    }
  });

  it('folds everything anew where everything is asked for', async () => {
    const events = knownBy(shop(), dayText(50));
    write(events);
    const kept = await start({ tiles: fixture.tiles });
    await kept.copy(sums, dayText(50));
    expect((await kept.copy(sums, dayText(50), { full: true })).read).to.deep.equal({
      rows: events.length,
      compared: 0,
    });
  });

  it('goes on where a run was killed between two sets, or could not keep one', async () => {
    write(knownBy(shop(), dayText(40)));
    let calls = 0;
    const killed = await start({ tiles: fixture.tiles }, (lake) => ({
      ...lake,
      keepDays: (...call) => {
        if (++calls === 3) throw new Error('killed');
        return lake.keepDays!(...call);
      },
    }));
    const bare = await start({});
    expect(await failureOf(killed.copy(sums, dayText(40)))).to.match(/killed/);
    expect(killed.hot.rows().size).to.equal(0);
    for (const { copy } of [killed, bare]) await copy(sums, dayText(40));
    expect([...killed.hot.rows()]).to.deep.equal([...bare.hot.rows()]);
  });

  it('may run twice at once over the same tiles', async () => {
    const events = shop();
    const [one, other, bare] = [
      await start({ tiles: fixture.tiles }),
      await start({ tiles: fixture.tiles }),
      await start({}),
    ];
    for (const at of [40, 41, 43]) {
      write(knownBy(events, dayText(at)));
      await Promise.all([
        one.copy(sums, dayText(at)),
        other.copy(many, dayText(at)),
        other.copy(sums, dayText(at)),
      ]);
      await bare.copy(sums, dayText(at));
      expect([...one.hot.rows()], String(at)).to.deep.equal([...bare.hot.rows()]);
    }
  });

  it('keeps no day that is not over', async () => {
    const events: Event[] = [
      ['a', '2024-12-30T10:00:00Z', '2024-12-30T10:00:00Z', 1],
      ['a', '2025-01-01T10:00:00Z', '2025-01-01T10:00:00Z', 2],
    ];
    write(events);
    const [kept, bare] = [await start({ tiles: fixture.tiles }), await start({})];
    fixture.nowMs = Date.parse('2025-01-01T10:30:00Z');
    await kept.copy(sums, '2025-01-01T10:30:00Z');
    write([...events, ['a', '2025-01-01T11:00:00Z', '2025-01-01T11:00:00Z', 3]]);
    fixture.nowMs += 3 * day;
    for (const { copy } of [kept, bare]) await copy(sums, '2025-01-03', { full: false, trustClosed: true });
    kept.hot.entries.clear();
    await kept.copy(sums, '2025-01-03', { trustClosed: true });
    expect([...kept.hot.rows()]).to.deep.equal([...bare.hot.rows()]);
  });
});
