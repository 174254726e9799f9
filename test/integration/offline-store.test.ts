import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  cellAt,
  columnOf,
  FeatureRows,
  keyValueStore,
  offlineStore as offlineStorePort,
  onlineStore as onlineStorePort,
  parseType,
  status,
  warehouse,
  type Cell,
  type FeatureView,
  type OfflineStore,
  type OnlineStore,
  type Warehouse,
} from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { memory } from 'vivace/adapters/memory';
import { offlineStore } from 'vivace/plugins/offline-store';
import { onlineStore } from 'vivace/plugins/online-store';
import { callContext, startPart } from 'vivace/testing';
import { view } from '../../core/testing/view.js';

const data = resolve('node_modules/vega-datasets/data');
const flights = join(data, 'flights-3m.parquet');
const day = 86_400_000_000;
const firstDay = Date.UTC(2001, 0, 1) / 86_400_000;
const context = () => callContext(60_000);
const string = parseType('string');

const windows = [1, 7, 28];
const airportDelay = view({
  entity: { airport: 'string' },
  source: {
    table: flights,
    key: { airport: 'origin' },
    eventTime: 'date',
    where: { delay: { min: -100, max: 600 } },
  },
  features: {
    departures: { aggregate: 'count', windowDays: windows },
    mean: { aggregate: 'mean', of: 'delay', windowDays: windows },
    deviation: { aggregate: 'stddev', of: 'delay', windowDays: windows },
    late15: { aggregate: 'share', of: 'delay', above: 15, windowDays: windows },
    late60: { aggregate: 'share', of: 'delay', above: 60, windowDays: windows },
    least: { aggregate: 'min', of: 'delay', windowDays: windows },
    most: { aggregate: 'max', of: 'delay', windowDays: windows },
  },
});

describe('offline-store on real flights', () => {
  let directory: string;
  let lake: Warehouse;
  let store: OfflineStore;
  let online: OnlineStore;
  const stops: (() => Promise<void>)[] = [];
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'vivace-offline-'));
    const hot = await startPart(memory);
    const latest = await startPart(onlineStore, {}, { uses: { store: hot.face(keyValueStore) } });
    const tables = await startPart(duckdb, { threads: 2 }, { directory });
    lake = tables.face(warehouse);
    online = latest.face(onlineStorePort);
    const part = await startPart(offlineStore, {}, { uses: { warehouse: lake, online } });
    store = part.face(offlineStorePort);
    for (const each of [hot, latest, tables, part]) stops.unshift(() => each.stop());
  });
  after(async () => {
    for (const stop of stops) await stop();
    await rm(directory, { recursive: true });
  });

  const asOf = async (
    of: FeatureView,
    keys: readonly string[],
    time: Float64Array,
    from = store,
  ): Promise<FeatureRows> => {
    await using reader = await from.openAsOf([of], context());
    return await reader.read(of, { rows: keys.length, columns: [columnOf(string, keys)], time }, context());
  };

  it('folds what counting the raw flights one by one gives', async () => {
    const raw = await rawFlights(lake);
    const airports = [...raw.keys()].sort();
    const pairs = Array.from({ length: 400 }, (_, i) => ({
      // Small airports with gaps, large ones, one that there is not; from before the first day to after the last window has emptied.
      airport: i % 50 === 0 ? 'NOPE' : (airports[(i * 37) % airports.length] as string),
      time: (firstDay + ((i * 53) % 215)) * day + ((i * 7919) % 86_400) * 1_000_000,
    }));
    const rows = await asOf(
      airportDelay,
      pairs.map(({ airport }) => airport),
      Float64Array.from(pairs, ({ time }) => time),
    );
    const columns = rows.columns.map((column) => column.finish());
    const kinds = new Set<string>();
    pairs.forEach(({ airport, time }, row) => {
      const expected = byHand(raw.get(airport) ?? [], Math.floor(time / day));
      const got = columns.map((column) => cellAt(column, row));
      const where = `${airport} at ${new Date(time / 1000).toISOString()}`;
      if (expected === undefined) {
        kinds.add('missing');
        expect(rows.status[row], where).to.equal(status.MISSING);
        return;
      }
      kinds.add(expected.cells[2] === 0 ? 'emptied' : 'filled');
      expect([rows.status[row], rows.eventTime[row], rows.availableTime[row]], where).to.deep.equal([
        0,
        expected.day * day,
        expected.day * day,
      ]);
      expect(got.length).to.equal(expected.cells.length);
      expected.cells.forEach((cell, i) => {
        const name = `${airportDelay.features[i]!.name} of ${where}`;
        if (typeof cell === 'number' && !Number.isInteger(cell))
          expect(got[i], name).to.be.closeTo(cell, Math.abs(cell) * 1e-6);
        else expect(got[i], name).to.equal(cell);
      });
    });
    expect([...kinds].sort()).to.deep.equal(['emptied', 'filled', 'missing']);
  });

  it('materializes what an as-of read finds at that time, byte for byte', async () => {
    const until = Date.UTC(2001, 5, 15);
    const progress = await store.materialize(airportDelay, { untilMs: until }, context());
    const airports = [...(await rawFlights(lake)).keys()].sort();
    expect(progress.rows).to.equal(progress.total).and.to.be.within(200, airports.length);
    const read = await asOf(airportDelay, airports, new Float64Array(airports.length).fill(until * 1000));
    const stored = new FeatureRows(airportDelay.features, airports.length);
    await online
      .open(airportDelay)
      .read({ rows: airports.length, time: 0, column: () => columnOf(string, airports) }, stored, context());
    expect([...stored.status]).to.deep.equal([...read.status]);
    expect([...stored.eventTime]).to.deep.equal([...read.eventTime]);
    expect([...stored.availableTime]).to.deep.equal([...read.availableTime]);
    stored.columns.forEach((column, i) => {
      const [one, other] = [column.finish(), read.columns[i]!.finish()];
      expect(bytesOf(one.values as Float32Array), airportDelay.features[i]!.name).to.deep.equal(
        bytesOf(other.values as Float32Array),
      );
      for (let row = 0; row < airports.length; row++)
        expect(cellAt(one, row) === null).to.equal(cellAt(other, row) === null);
    });
  });

  it('gives the same bytes whatever the number of threads', async () => {
    const one = await startPart(duckdb, { threads: 1 });
    const part = await startPart(offlineStore, {}, { uses: { warehouse: one.face(warehouse) } });
    const airports = ['ATL', 'ORD', 'ABE', 'XNA'];
    const time = new Float64Array(4).fill(Date.UTC(2001, 4, 20) * 1000);
    const rows = await asOf(airportDelay, airports, time, part.face(offlineStorePort));
    const same = await asOf(airportDelay, airports, time);
    rows.columns.forEach((column, i) =>
      expect(bytesOf(column.values as Float32Array)).to.deep.equal(
        bytesOf(same.columns[i]!.values as Float32Array),
      ),
    );
    await part.stop();
    await one.stop();
  });

  it('reads static facts from a CSV file', async () => {
    const facts = view({
      entity: { airport: 'string' },
      source: { table: join(data, 'airports.csv'), key: { airport: 'iata' } },
      features: { name: { type: 'string' }, state: { type: 'string' }, latitude: { type: 'float32' } },
    });
    const rows = await asOf(facts, ['ATL', 'NOPE'], Float64Array.of(1, 1));
    expect([...rows.status]).to.deep.equal([status.PRESENT, status.MISSING]);
    const columns = rows.columns.map((column) => column.finish());
    expect(columns.map((column) => cellAt(column, 0))).to.deep.equal([
      'William B Hartsfield-Atlanta Intl',
      'GA',
      Math.fround(33.64044444),
    ]);
  });

  it('saves a spine as Parquet and as CSV, in its order', async () => {
    const spine = {
      table: flights,
      columns: { origin: { column: 'origin' }, delay: { column: 'delay' } },
      time: 'date',
      sample: { of: 5000 },
    };
    for (const file of ['spine.parquet', 'spine.csv']) {
      await store.save(await store.spine(spine, context()), file, context());
    }
    const read = async (sql: string): Promise<Cell[][]> => {
      const rows: Cell[][] = [];
      for await (const batch of lake.query({ sql }, context())) {
        for (let row = 0; row < batch.rows; row++)
          rows.push(batch.columns.map((column) => cellAt(column, row)));
      }
      return rows;
    };
    const rows = await read(`SELECT * FROM ${(await lake.source('spine.parquet', [], context())).from}`);
    expect(rows.length).to.be.within(400, 620);
    expect(rows.map((row) => row[2] as number)).to.deep.equal(
      rows.map((row) => row[2] as number).toSorted((a, b) => a - b),
    );
    expect(
      await read(
        `SELECT * FROM ${(await lake.source('spine.csv', [{ name: 'origin', type: string }, { name: 'delay' }, { name: 'time' }], context())).from}`,
      ),
    ).to.deep.equal(rows);
  });

  it('says which view names a file or a column that is not there', async () => {
    const broken = (source: object) =>
      view({ entity: { airport: 'string' }, source, features: { x: { type: 'float32' } } });
    const failure = async (source: object): Promise<{ code?: string; message: string }> =>
      asOf(broken(source), ['ATL'], Float64Array.of(1)).then(
        () => ({ message: '' }),
        (error: unknown) => error as Error,
      );
    const missing = await failure({ table: 'nope.parquet' });
    expect([missing.code, missing.message]).to.satisfy(
      ([code, message]: string[]) => code === 'NOT_FOUND' && /view "v".*nope\.parquet/s.test(message!),
    );
    expect((await failure({ table: flights, key: { airport: 'orign' } })).message).to.match(
      /view "v".*orign.*origin/s,
    );
  });

  it('refuses to materialize where no online store is named', async () => {
    const part = await startPart(offlineStore, {}, { uses: { warehouse: lake } });
    const error = await part
      .face(offlineStorePort)
      .materialize(airportDelay, { untilMs: 0 }, context())
      .then(
        () => undefined,
        (thrown: unknown) => thrown as { code: string; message: string },
      );
    expect(error?.code).to.equal('FAILED_PRECONDITION');
    expect(error?.message).to.include('online');
    await part.stop();
  });
});

interface Flight {
  readonly day: number;
  readonly delay: number;
}

let kept: Promise<Map<string, Flight[]>> | undefined;

/** Every flight by origin, as the file has it; the delays that the view leaves out are left out by hand. */
function rawFlights(lake: Warehouse): Promise<Map<string, Flight[]>> {
  return (kept ??= (async () => {
    const byOrigin = new Map<string, Flight[]>();
    const sql = `SELECT origin, delay, date FROM read_parquet('${flights}')`;
    for await (const { columns, rows } of lake.query({ sql }, context())) {
      const [origins, delays, dates] = columns.map((column) => column.values) as unknown as [
        string[],
        BigInt64Array,
        Float64Array,
      ];
      for (let row = 0; row < rows; row++) {
        const delay = Number(delays[row]);
        if (delay < -100 || delay > 600) continue;
        const flight = { day: Math.floor((dates[row] as number) / day), delay };
        const known = byOrigin.get(origins[row] as string);
        if (known === undefined) byOrigin.set(origins[row] as string, [flight]);
        else known.push(flight);
      }
    }
    return byOrigin;
  })());
}

/** The row that stands on `today`: of the last day that has one. */
function byHand(all: readonly Flight[], today: number): { day: number; cells: Cell[] } | undefined {
  const days = new Set(all.map((flight) => flight.day));
  for (let date = today; date > firstDay; date--) {
    const stands = Array.from({ length: 29 }, (_, i) => date - 1 - i).some((each) => days.has(each));
    if (!stands) continue;
    const within = windows.map((length) =>
      all.filter((flight) => flight.day >= date - length && flight.day < date).map(({ delay }) => delay),
    );
    const each = (of: (delays: readonly number[]) => Cell): Cell[] =>
      within.map((delays) => (delays.length === 0 ? null : of(delays)));
    const mean = (delays: readonly number[]): number =>
      delays.reduce((sum, delay) => sum + delay, 0) / delays.length;
    const cells = [
      ...within.map((delays) => delays.length),
      ...each(mean),
      ...each((delays) => {
        if (delays.length < 2) return null;
        const middle = mean(delays);
        return Math.sqrt(delays.reduce((sum, delay) => sum + (delay - middle) ** 2, 0) / (delays.length - 1));
      }),
      ...each((delays) => delays.filter((delay) => delay > 15).length / delays.length),
      ...each((delays) => delays.filter((delay) => delay > 60).length / delays.length),
      ...each((delays) => delays.reduce((least, delay) => Math.min(least, delay))),
      ...each((delays) => delays.reduce((most, delay) => Math.max(most, delay))),
    ];
    return { day: date, cells };
  }
  return undefined;
}

function bytesOf(values: {
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
  readonly byteLength: number;
}): Buffer {
  return Buffer.from(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);
}
