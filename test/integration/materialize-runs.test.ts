import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  offlineStore as offlineStorePort,
  onlineStore as onlineStorePort,
  warehouse,
  type FeatureView,
  type Ledger,
  type Materialized,
  type MaterializeRun,
  type OfflineStore,
  type OnlineStore,
} from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { offlineStore } from 'vivace/plugins/offline-store';
import { onlineStore } from 'vivace/plugins/online-store';
import { callContext, startPart } from 'vivace/testing';
import { view } from '../../core/testing/view.js';
import { definedRow, numbersFrom, randomHistory } from '../../core/testing/offline-store/histories.js';
import { failureOf } from '../support/failure.js';
import { LooseStore } from '../support/loose-store.js';

const day = 86_400_000;

describe('Materialization, run after run', () => {
  let directory: string;
  let hot: LooseStore;
  let online: OnlineStore;
  let store: OfflineStore;
  let nowMs: number;
  const stops: (() => Promise<void>)[] = [];
  const logged: string[] = [];

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-runs-'));
    hot = new LooseStore();
    nowMs = Date.parse('2024-03-01T00:00:00Z');
    const lake = await startPart(duckdb, { threads: 2 }, { directory });
    const latest = await startPart(onlineStore, {}, { uses: { store: hot } });
    online = latest.face(onlineStorePort);
    const part = await startPart(
      offlineStore,
      {},
      {
        uses: { warehouse: lake.face(warehouse), online },
        clock: { now: () => nowMs, monotonic: () => performance.now() },
        onLog: ({ message }) => logged.push(message),
      },
    );
    store = part.face(offlineStorePort);
    stops.push(
      () => part.stop(),
      () => latest.stop(),
      () => lake.stop(),
    );
    logged.splice(0);
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
    rmSync(directory, { recursive: true, force: true });
  });

  type Event = readonly [key: string, at: string, known: string, value: number | null];
  const write = (events: readonly Event[]): void =>
    writeFileSync(
      join(directory, 'sales.csv'),
      `k,at,known,v\n${events.map((event) => event.map((cell) => cell ?? '').join(',')).join('\n')}\n`,
    );
  const source = { table: 'sales.csv', eventTime: 'at', availableTime: 'known' };
  const plain = view({ entity: { k: 'string' }, source, features: { v: { type: 'float64' } } });
  const sums = view({
    entity: { k: 'string' },
    source,
    features: {
      n: { aggregate: 'count', windowDays: [1, 3] },
      total: { aggregate: 'sum', of: 'v', windowDays: 3 },
    },
  });
  const hours = view({
    entity: { k: 'string' },
    source,
    features: { last: { aggregate: 'last', of: 'v', windowHours: [6, 30], type: 'float64' } },
  });
  const run = (
    of: FeatureView,
    until: string,
    options: Partial<MaterializeRun> = {},
  ): Promise<Materialized> => {
    nowMs += 1000;
    return store.materialize(of, { untilMs: Date.parse(until), ...options }, callContext());
  };
  const ledger = async (of: FeatureView): Promise<Ledger> => online.open(of).readLedger(callContext());
  const text = (ms: number): string => new Date(ms).toISOString();

  for (const [what, of] of [
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
        copied.push((await run(of, text(at * day))).rows);
        const wanted = hot.rows();
        const other = new LooseStore();
        [other.entries, hot.entries].reduce(
          (to, from) => (from.forEach((value, key) => to.set(key, value)), to),
        );
        hot.entries.clear();
        await run(of, text(at * day));
        expect([...hot.rows()], `at ${at}`).to.deep.equal([...wanted]);
        hot.entries.clear();
        other.entries.forEach((value, key) => hot.entries.set(key, value));
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
    const found = [...hot.rows().keys()].map((key) => key.split(':')[1]).sort();
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
    for (const of of [plain, sums]) {
      write([]);
      expect((await run(of, '2024-02-01')).rows).to.equal(0);
      write([['a', '2024-01-01', '2024-01-01', 1]]);
      expect((await run(of, '2024-02-02')).written).to.equal(1);
    }
  });

  it('takes rows that are appended behind the newest one for new, though their times are before the last run', async () => {
    const events: Event[] = [['a', '2024-01-01', '2024-01-01', 1]];
    write(events);
    await run(plain, '2024-02-01');
    write([...events, ['a', '2024-01-02', '2024-01-02', 2]]);
    expect((await run(plain, '2024-02-02')).written).to.equal(1);
  });

  it('copies everything where rows are gone, and says so', async () => {
    const events = Array.from({ length: 3000 }, (_, i): Event => [`k${i}`, '2024-01-01', '2024-01-01', i]);
    write(events);
    await run(plain, '2024-01-05');
    const all = hot.rows();
    // One of a hundred, in 10 ways.
    let found = 0;
    for (let seed = 0; seed < 10; seed++) {
      const random = numbersFrom(seed * 7919 + 1);
      for (const key of all.keys()) if (random() < 0.01) hot.entries.delete(key);
      const { why } = await run(plain, '2024-01-06');
      if (why === undefined) continue;
      found++;
      expect(why).to.match(/^the online store has lost rows: \d+ of 256 keys that were looked at are gone/);
      expect(logged.at(-1)).to.equal(`view "v": everything is copied: ${why}`);
      expect([...hot.rows()]).to.deep.equal([...all]);
    }
    expect(found).to.be.at.least(8);
    // The rows and their ledger.
    hot.entries.clear();
    expect(await run(plain, '2024-01-05')).to.not.have.any.keys('why', 'afterMs');
    expect([...hot.rows()]).to.deep.equal([...all]);
  });

  it('does not copy everything each time for a key that cannot be written', async () => {
    write([['a', '2024-01-01', '2024-01-01', 1]]);
    await run(plain, '2024-01-05');
    // A tombstone that is newer than the row.
    const [key] = hot.rows().keys();
    const tombstone = Buffer.from(hot.entries.get(key!)!.slice(0, 24));
    tombstone[0] = 0xff;
    tombstone[17] = 1;
    hot.entries.set(key!, tombstone);
    expect((await run(plain, '2024-01-06')).why).to.match(/1 of 1 keys/);
    expect((await run(plain, '2024-01-07')).why).to.equal(undefined);
  });

  it('copies everything before rows expire', async () => {
    Object.assign(hot.supports, { expiresAfterMs: 10 * day });
    const lasting = await startPart(onlineStore, {}, { uses: { store: hot } });
    const lake = await startPart(duckdb, { threads: 2 }, { directory });
    const part = await startPart(
      offlineStore,
      {},
      {
        uses: { warehouse: lake.face(warehouse), online: lasting.face(onlineStorePort) },
        clock: { now: () => nowMs } as never,
      },
    );
    stops.push(
      () => part.stop(),
      () => lasting.stop(),
      () => lake.stop(),
    );
    const copy = (until: string) =>
      part.face(offlineStorePort).materialize(plain, { untilMs: Date.parse(until) }, callContext());
    write([['a', '2024-01-01', '2024-01-01', 1]]);
    await copy('2024-01-05');
    nowMs += 5 * day;
    expect(await copy('2024-01-06')).to.not.have.property('why');
    nowMs += 1;
    expect((await copy('2024-01-07')).why).to.match(/^rows expire 864000000 ms after they were written/);
    expect(await copy('2024-01-08')).to.not.have.property('why');
  });

  describe('where rows of the past have changed', () => {
    const events: Event[] = [
      ['a', '2024-01-01', '2024-01-01', 255],
      ['b', '2024-01-03', '2024-01-03', 2],
      ['c', '2023-06-01', '2023-06-01', 3],
    ];

    for (const [what, changed, days] of [
      ['a value', [['a', '2024-01-01', '2024-01-01', 256], ...events.slice(1)], '2024-01-01'],
      ['a row more', [...events, ['a', '2024-01-01', '2024-01-01T00:00:01Z', 10]], '2024-01-01'],
      ['a row less, of long ago', events.slice(0, 2), '2023-05-11/2023-06-11'],
    ] as const satisfies readonly (readonly [string, readonly Event[], string])[]) {
      it(`ends the run and names the days: ${what}`, async () => {
        for (const of of [plain, sums]) {
          write(events);
          await run(of, '2024-01-05');
          const before = hot.rows();
          write(changed);
          expect(await failureOf(run(of, '2024-01-06'))).to.equal(
            `FAILED_PRECONDITION offline-store: view "v": rows of ${days} were copied, and are others now: --restate writes them so that they win, --trust-closed leaves them (a row must be in the source at its available time)`,
          );
          expect([...hot.rows()]).to.deep.equal([...before]);
          expect(await run(of, '2024-01-06', { trustClosed: true })).to.not.have.property('restated');
        }
      });
    }

    it('writes those rows so that they win, whatever their bytes', async () => {
      for (const value of [256, 10, 254]) {
        write(events);
        hot.entries.clear();
        await run(plain, '2024-01-05');
        write([['a', '2024-01-01', '2024-01-01', value], ...events.slice(1)]);
        expect(await run(plain, '2024-01-06', { restate: true })).to.deep.include({
          written: 1,
          restated: ['2024-01-01'],
        });
        expect(valueOf('a')).to.equal(value);
        // And again, at the same time.
        write([['a', '2024-01-01', '2024-01-01', value + 1], ...events.slice(1)]);
        await run(plain, '2024-01-06', { restate: true });
        expect(valueOf('a')).to.equal(value + 1);
        expect((await ledger(plain)).restatements!.at(-1)!.periods).to.deep.equal(['2024-01-01']);
        expect(await run(plain, '2024-01-07')).to.deep.include({ rows: 0 });
      }
    });

    it('lets what becomes known later win over what was written anew', async () => {
      write(events);
      await run(sums, '2024-01-04T12:00:00Z');
      const changed: Event[] = [['a', '2024-01-01', '2024-01-01', 1000], ...events.slice(1)];
      write(changed);
      await run(sums, '2024-01-04T12:00:00Z', { restate: true });
      write([...changed, ['a', '2024-01-03', '2024-01-04T13:00:00Z', 5]]);
      await run(sums, '2024-01-04T14:00:00Z');
      const stored = hot.rows();
      hot.entries.clear();
      await run(sums, '2024-01-04T14:00:00Z');
      const features = (hex: string): string => hex.slice(48);
      expect([...stored].map(([key, value]) => [key, features(value)])).to.deep.equal(
        [...hot.rows()].map(([key, value]) => [key, features(value)]),
      );
    });
  });

  const valueOf = (key: string): number => {
    const bytes = hot.entries.get(`${plain.hash}:${key}`)!;
    return Buffer.from(bytes).readDoubleLE(32);
  };

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
    hot.beforeWrite = (keys) => {
      if (keys[0]!.includes('#')) return;
      rows += keys.length;
      // Each batch takes longer than a note.
      nowMs += 6000;
      if (rows > 40_000) throw new Error('killed');
    };
    await failureOf(run(plain, '2024-01-05'));
    const before = rows;
    expect((await ledger(plain)).open).to.deep.include({ after: null });
    rows = 0;
    hot.beforeWrite = (keys) => void (keys[0]!.includes('#') || (rows += keys.length));
    const done = await run(plain, '2024-01-06');
    expect(done.rows).to.equal(rows);
    expect(rows).to.be.lessThan(60_000 - before + 3 * 16_384);
    expect(hot.rows().size).to.equal(60_000);
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
    expect([...hot.rows().keys()]).to.deep.equal([`${plain.hash}:b`]);
    expect(await failureOf(run(plain, '2024-01-02', { days: { first: second, last: second } }))).to.match(
      /the days end after the run: rows are copied up to 2024-01-02T00:00:00Z/,
    );
    await run(plain, '2024-01-05');
    expect(hot.rows().size).to.equal(3);
  });

  it('reads again what may have come to the source late', async () => {
    const lagging = view({
      entity: { k: 'string' },
      source: { ...source, overlapMs: day },
      features: { v: { type: 'float64' } },
    });
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
      writeFileSync(join(directory, 'facts.csv'), `k,v\na,1\nb,${value}\n`);
    writeFacts(1);
    expect((await run(facts, '2024-01-05')).rows).to.equal(2);
    expect((await run(facts, '2024-01-06')).rows).to.equal(0);
    writeFacts(2);
    nowMs += 1;
    expect((await run(facts, '2024-01-07')).rows).to.equal(2);
  });

  it('replaces a ledger that cannot be read by a full run, and says what to do otherwise', async () => {
    write([['a', '2024-01-01', '2024-01-01', 1]]);
    await run(plain, '2024-01-05');
    const key = `${plain.hash}:#ledger`;
    hot.entries.set(key, Buffer.concat([Buffer.alloc(7), Buffer.from([9]), Buffer.from('{')]));
    expect(await failureOf(run(plain, '2024-01-06'))).to.match(
      /^DATA_LOSS .*its ledger cannot be read: .*--full/,
    );
    await run(plain, '2024-01-06', { full: true });
    expect((await ledger(plain)).covered).to.have.length(1);
  });
});
