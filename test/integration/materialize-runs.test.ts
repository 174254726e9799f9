import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { view } from '../../core/testing/view.js';
import { definedRow, numbersFrom, randomHistory } from '../../core/testing/offline-store/histories.js';
import { failureOf } from '../support/failure.js';
import { LooseStore } from '../support/loose-store.js';
import { materializeRuns, plain, sums } from '../support/materialize-runs.js';
import { day, of, text, tileRuns, type Event } from '../support/tile-runs.js';

describe('Materialization, run after run', () => {
  const fixture = tileRuns();
  const runs = materializeRuns(fixture);
  const { write } = fixture;
  const { ledger, run } = runs;
  const hours = of({ last: { aggregate: 'last', of: 'v', windowHours: [6, 30], type: 'float64' } });

  for (const [what, declared] of [
    ['plain rows', plain],
    ['aggregates', sums],
    ['aggregates of hours', hours],
  ] as const) {
    it(`leads to the rows of one run over everything: ${what}, some of them late`, async () => {
      const random = numbersFrom(7);
      const events = randomHistory(11, { events: 600, keys: 25 }).map((each): Event & { length: 4 } => [
        each.key,
        text(each.event * day),
        text(Math.round(each.available * day)),
        each.value,
      ]);
      const copied: number[] = [];
      for (let at = 2; at < 62; at += random() < 0.2 ? 3 : random() < 0.5 ? 0.5 : 1) {
        // A row is in the source once it is known.
        write(events.filter(([, , known]) => Date.parse(known) <= at * day));
        copied.push((await run(declared, text(at * day))).rows);
        const wanted = runs.hot.rows();
        const other = new LooseStore();
        [other.entries, runs.hot.entries].reduce(
          (to, from) => (from.forEach((value, key) => to.set(key, value)), to),
        );
        runs.hot.entries.clear();
        await run(declared, text(at * day));
        expect([...runs.hot.rows()], `at ${at}`).to.deep.equal([...wanted]);
        runs.hot.entries.clear();
        other.entries.forEach((value, key) => runs.hot.entries.set(key, value));
      }
      // Only what is new was copied.
      expect(copied.reduce((sum, rows) => sum + rows, 0)).to.be.lessThan(0.75 * 25 * copied.length);
      expect(copied.some((rows) => rows > 0)).to.equal(true);
    });
  }

  it('has the rows of the definition', async () => {
    const history = randomHistory(3, { events: 400, keys: 10 });
    for (const at of [5, 9, 9.5, 20, 33, 41]) {
      write(
        history
          .filter(({ available }) => available <= at)
          .map((each) => [
            each.key,
            text(each.event * day),
            text(Math.round(each.available * day)),
            each.value,
          ]),
      );
      await run(sums, text(at * day));
    }
    const keys = [...new Set(history.map(({ key }) => key))];
    const found = [...runs.hot.rows().keys()].map((key) => key.split(':')[1]).sort();
    expect(found).to.deep.equal(
      keys.filter((key) => definedRow(history, { key, moment: 41, grain: day * 1000 }) !== undefined).sort(),
    );
  });

  it('copies nothing where nothing is new, and only what is', async () => {
    const events: Event[] = [
      ['a', '2024-01-01', '2024-01-01', 1],
      ['b', '2024-01-02', '2024-01-02', 2],
    ];
    write(events);
    expect(await run(plain, '2024-01-05')).to.deep.equal({
      rows: 2,
      written: 2,
      total: 2,
      untilMs: Date.parse('2024-01-05'),
      read: { rows: 2, compared: 0 },
    });
    expect((await run(plain, '2024-01-06')).rows).to.equal(0);
    write([...events, ['a', '2024-01-06', '2024-01-06', 3], ['c', '2024-01-01', '2024-01-06T12:00:00Z', 4]]);
    expect(await run(plain, '2024-01-07')).to.deep.include({ rows: 2, written: 2 });
    expect((await ledger(plain)).runs.map(({ rows }) => rows)).to.deep.equal([2, 0, 2]);
  });

  it('copies the rows of the past once a source has some that had none', async () => {
    for (const declared of [plain, sums]) {
      write([]);
      expect((await run(declared, '2024-02-01')).rows).to.equal(0);
      write([['a', '2024-01-01', '2024-01-01', 1]]);
      expect((await run(declared, '2024-02-02')).written).to.equal(1);
    }
  });

  it('takes rows that are appended behind the newest one for new, though their times are before the last run', async () => {
    const events: Event[] = [['a', '2024-01-01', '2024-01-01', 1]];
    write(events);
    await run(plain, '2024-02-01');
    write([...events, ['a', '2024-01-02', '2024-01-02', 2]]);
    expect((await run(plain, '2024-02-02')).written).to.equal(1);
  });

  it('goes on where it was killed, and repeats at most what it had not written down', async () => {
    write(
      Array.from({ length: 60_000 }, (_, i): Event => [
        `k${String(i).padStart(5, '0')}`,
        '2024-01-01',
        '2024-01-01',
        i,
      ]),
    );
    let rows = 0;
    runs.hot.beforeWrite = (keys) => {
      if (keys[0]!.includes('#')) return;
      rows += keys.length;
      // Each batch takes longer than a note.
      fixture.nowMs += 6000;
      if (rows > 40_000) throw new Error('killed');
    };
    await failureOf(run(plain, '2024-01-05'));
    const before = rows;
    expect((await ledger(plain)).open).to.deep.include({ after: null });
    rows = 0;
    runs.hot.beforeWrite = (keys) => void (keys[0]!.includes('#') || (rows += keys.length));
    const done = await run(plain, '2024-01-06');
    expect(done.rows).to.equal(rows);
    expect(rows).to.be.lessThan(60_000 - before + 3 * 16_384);
    expect(runs.hot.rows().size).to.equal(60_000);
    const after = await ledger(plain);
    expect(after.open).to.equal(undefined);
    expect(after.covered).to.have.length(1);
    expect((await run(plain, '2024-01-07')).rows).to.equal(0);
  });

  it('copies some days, and leaves the others to the next run', async () => {
    write([
      ['a', '2024-01-01T08:00:00Z', '2024-01-01T08:00:00Z', 1],
      ['b', '2024-01-02T08:00:00Z', '2024-01-02T08:00:00Z', 2],
      ['c', '2024-01-03T08:00:00Z', '2024-01-03T08:00:00Z', 3],
    ]);
    const second = Date.parse('2024-01-02') / day;
    await run(plain, '2024-01-05', { days: { first: second, last: second } });
    expect([...runs.hot.rows().keys()]).to.deep.equal([`${plain.hash}:b`]);
    expect(await failureOf(run(plain, '2024-01-02', { days: { first: second, last: second } }))).to.match(
      /the days end after the run: rows are copied up to 2024-01-02T00:00:00Z/,
    );
    await run(plain, '2024-01-05');
    expect(runs.hot.rows().size).to.equal(3);
  });

  it('reads again what may have come to the source late', async () => {
    const lagging = of({ v: { type: 'float64' } }, { overlapMs: day });
    const events: Event[] = [
      ['a', '2024-01-01', '2024-01-01', 1],
      ['b', '2024-01-03', '2024-01-03', 2],
    ];
    write(events);
    await run(lagging, '2024-01-03');
    write([...events, ['c', '2024-01-02', '2024-01-02T12:00:00Z', 3]]);
    expect((await run(lagging, '2024-01-04')).written).to.equal(1);
  });

  it('copies a static view again only where it has changed', async () => {
    const facts = view({
      entity: { k: 'string' },
      source: { table: 'facts.csv' },
      features: { v: { type: 'float64' } },
    });
    const writeFacts = (value: number): void =>
      writeFileSync(join(fixture.directory, 'facts.csv'), `k,v\na,1\nb,${value}\n`);
    writeFacts(1);
    expect((await run(facts, '2024-01-05')).rows).to.equal(2);
    expect((await run(facts, '2024-01-06')).rows).to.equal(0);
    writeFacts(2);
    fixture.nowMs += 1;
    expect((await run(facts, '2024-01-07')).rows).to.equal(2);
  });
});
