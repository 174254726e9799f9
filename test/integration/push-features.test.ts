import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Server } from 'vivace';
import { RedisServer, redisPrograms } from '../servers/redis-server.js';
import { describeNeeding } from '../servers/programs.js';
import { failure, failureOf } from '../support/failure.js';
import {
  at,
  faultyStore,
  nowMs,
  priceServer,
  row,
  setClock,
  valueOf,
  type StoreFaults,
} from '../support/price-server.js';

describe('server.features.push', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
  });
  const started = async (options: Parameters<typeof priceServer>[0] = {}): ReturnType<typeof priceServer> => {
    const server = await priceServer(options);
    servers.push(server);
    return server;
  };

  it('writes rows, which the next prediction sees', async () => {
    const server = await started();
    expect(await server.features.push('price', [row('a', 1.5), row('b', 2)])).to.deep.equal({
      accepted: 2,
      written: 2,
      errors: [],
    });
    const answer = await server.predict('quote', { request: { sku: 'a' } });
    expect(answer).to.have.nested.property('outputs.amount', 1.5);
  });

  it('takes columns, Dates, and a key of several columns', async () => {
    const server = await started();
    const eventTime = [new Date(nowMs), new Date(nowMs)];
    const pushed = { sku: ['a', 'a'], shop: [1, '9007199254740993'], pieces: [3, 4], eventTime };
    expect(await server.features.push('stock', pushed)).to.include({ accepted: 2, written: 2 });
    const read = await server.features.read(['stock'], {
      sku: ['a', 'a', 'a'],
      shop: [1, 2, 9007199254740993n],
    });
    expect(read.features).to.deep.equal({ 'stock.pieces': [3, null, 4] });
  });

  it('writes nothing where it is repeated, however much later, and the rows keep their available time', async () => {
    const clock = setClock();
    const stored = new Map<string, Uint8Array>();
    const server = await started({ clock, store: { use: faultyStore({}, stored) } });
    const rows = [row('a', 1), { ...row('b', null), tags: null }, { ...row('c', NaN), tags: [] }];
    await server.features.push('price', rows);
    const before = new Map(stored);
    clock.ms += 86_400_000;
    expect(await server.features.push('price', rows)).to.deep.equal({ accepted: 3, written: 0, errors: [] });
    expect(stored).to.deep.equal(before);
  });

  it('lets a correction stand where the clock of the server that took the row before is ahead', async () => {
    const stored = new Map<string, Uint8Array>();
    const ahead = setClock();
    ahead.ms += 60_000;
    const first = await started({ clock: ahead, store: { use: faultyStore({}, stored) } });
    const second = await started({ store: { use: faultyStore({}, stored) } });
    await first.features.push('price', [row('a', 9), row('b', 9)]);
    const corrected = [row('a', 1), row('c', 1)];
    expect(await second.features.push('price', corrected)).to.include({ accepted: 2, written: 2 });
    expect(await valueOf(second, 'a')).to.equal(1);
    expect(await second.features.push('price', corrected)).to.include({ written: 0 });
    expect(await first.features.push('price', [row('a', 9)])).to.include({ written: 1 });
    expect(await valueOf(second, 'a')).to.equal(9);
  });

  it('keeps the newest event time, and of equal ones what was pushed last', async () => {
    const server = await started();
    await server.features.push('price', [row('a', 1, 1000)]);
    expect(await server.features.push('price', [row('a', 2, 0)])).to.include({ accepted: 1, written: 0 });
    expect(await valueOf(server, 'a')).to.equal(1);
    // The clock stands, as it does between two calls within a millisecond; bytes would decide by the value.
    for (const amount of [7, 3, 5, 2]) {
      expect(await server.features.push('price', [row('a', amount, 1000)])).to.include({ written: 1 });
      expect(await valueOf(server, 'a')).to.equal(amount);
    }
  });

  it('writes one row of each key: the newest, and of equal ones the last', async () => {
    const server = await started();
    const rows = [row('a', 9, 5), row('a', 4, 10), row('b', 1), row('a', 3, 10), row('a', 8, 1)];
    expect(await server.features.push('price', rows)).to.deep.equal({ accepted: 5, written: 2, errors: [] });
    expect(await valueOf(server, 'a')).to.equal(3);
  });

  it('names each wrong row with its path, and writes the others', async () => {
    const server = await started();
    const { tags: _, ...untagged } = row('d', 1);
    const { errors, ...rest } = await server.features.push('price', [
      row('a', 1),
      { ...row('b', 1), amount: 'much' },
      { ...row('c', 1), sku: null, amuont: 2 },
      untagged,
      3 as never,
      { ...row('e', 1), eventTime: 'yesterday' },
      { ...row('f', 1), tags: ['x', 2] },
      { ...row('s'.repeat(1025), 1) },
      row('z', 2),
    ]);
    expect(rest).to.deep.equal({ accepted: 2, written: 2 });
    expect(errors.map(({ row: at, path, message }) => `${at} ${path}: ${message}`)).to.deep.equal([
      '1 rows[1].amount: "much" is not a float64',
      '2 rows[2].amuont: unknown field; did you mean "amount"?',
      '2 rows[2].sku: may not be null',
      '3 rows[3].tags: is missing: a list<string>; write null where there is no value: a push replaces the whole row',
      '4 rows[4]: must be an object',
      '5 rows[5].eventTime: "yesterday" is not a timestamp, such as "2001-06-15T08:30:00Z"',
      '6 rows[6].tags[1]: 2 is not a string',
      '7 rows[7].sku: 1025 UTF-16 units, but a text has at most 1024',
    ]);
    expect(await valueOf(server, 'z')).to.equal(2);
  });

  it('fails where no row is right, so that nobody takes it for done', async () => {
    const server = await started();
    const error = await failure(
      server.features.push('price', [row('a', 1, 300_001), { ...row('b', 1), sku: 1 }]),
    );
    expect(error).to.include({ code: 'INVALID_ARGUMENT', path: 'rows[0].eventTime' });
    expect(error.details?.map(({ path }) => path)).to.deep.equal(['rows[0].eventTime', 'rows[1].sku']);
    expect(await server.features.push('price', [])).to.deep.equal({ accepted: 0, written: 0, errors: [] });
  });

  it('refuses rows of more than five minutes ahead of its clock', async () => {
    const server = await started();
    const { errors, accepted } = await server.features.push('price', {
      sku: ['a', 'b'],
      amount: [1, 2],
      tags: [null, null],
      eventTime: [at(300_000), at(300_001)],
    });
    expect(accepted).to.equal(1);
    expect(errors).to.deep.equal([
      {
        row: 1,
        path: 'rows.eventTime[1]',
        message:
          "2026-01-01T12:05:00.001Z is more than 5 minutes ahead of the server's clock (2026-01-01T12:00:00Z)",
      },
    ]);
  });

  it('names the first mistake of each row, and not any number of others', async () => {
    const server = await started();
    const { errors } = await server.features.push('price', [
      row('a', 1),
      ...Array.from({ length: 2000 }, () => ({ ...row('b', 1), sku: 1, amount: 'x' })),
    ]);
    expect(errors).to.have.length(2500);
    expect(new Set(errors.map((each) => each.row)).size).to.equal(2000);
  });

  it('says which views are not pushed to, and what to do', async () => {
    const server = await started();
    expect(await failureOf(server.features.push('pric', []))).to.equal(
      'NOT_FOUND there is no view "pric"; did you mean "price"?',
    );
    expect(await failureOf(server.features.push('sourced', []))).to.match(
      /^FAILED_PRECONDITION "sourced" has a source.*push to a view with `source: \{ push: true, log: … \}`, or without a source$/,
    );
    expect(await failureOf(server.features.push('counted', []))).to.match(
      /^FAILED_PRECONDITION "counted" aggregates .*compute the value where the events are, and push it/,
    );
  });

  it('refuses what are no rows at all', async () => {
    const server = await started();
    const refused = (rows: unknown): Promise<string> =>
      failureOf(server.features.push('price', rows as never));
    expect(await refused(undefined)).to.match(/rows: is missing: a list of objects, or an object of lists$/);
    expect(await refused('x')).to.match(/^INVALID_ARGUMENT rows: must be a list of objects/);
    expect(await refused({ sku: ['a'], amuont: [1], tags: [null, null], eventTime: 3 })).to.equal(
      'INVALID_ARGUMENT rows.eventTime: must be a list, one value per row; and 2 more mistakes',
    );
    expect(await refused(Array.from({ length: 10_001 }, () => row('a', 1)))).to.equal(
      'INVALID_ARGUMENT rows: 10001 rows, but a push has at most 10000',
    );
  });

  it('says which rows may not be stored where the store fails, and takes all of them again', async () => {
    const faults: StoreFaults = {};
    const stored = new Map<string, Uint8Array>();
    const server = await started({ store: { use: faultyStore(faults, stored) } });
    const rowsStored = (): number => [...stored.keys()].filter((key) => !key.startsWith('#')).length;
    const rows = ['a', 'b', 'c', 'd'].map((sku) => row(sku, 1));
    for (const fault of ['reads', 'writes'] as const) {
      faults[fault] = true;
      const error = await failure(server.features.push('price', rows));
      expect(error).to.include({ code: 'UNAVAILABLE', httpStatus: 503, part: 'hot' });
      expect(error.message).to.match(/^4 of 4 rows may not be stored: .*the store is down; push them again/);
      faults[fault] = false;
    }
    expect(stored.size).to.equal(0);
    faults.failing = (key) => /:[bd]$/.test(key);
    const error = await failure(server.features.push('price', rows));
    expect(error.message).to.match(/^2 of 4 rows may not be stored/);
    expect(error.details?.map(({ path }) => path)).to.deep.equal(['rows[1]', 'rows[3]']);
    expect(rowsStored()).to.equal(2);
    delete faults.failing;
    expect(await server.features.push('price', rows)).to.deep.equal({ accepted: 4, written: 2, errors: [] });
    expect(rowsStored()).to.equal(4);
  });

  it('writes many rows in bounded batches, and stops at an outage', async () => {
    const sizes: number[] = [];
    const faults: StoreFaults = { onWrite: (entries) => void sizes.push(entries.length) };
    const server = await started({ store: { use: faultyStore(faults) } });
    const rows = Array.from({ length: 2500 }, (_, i) => row(`k${i}`, i));
    expect(await server.features.push('price', rows)).to.deep.equal({
      accepted: 2500,
      written: 2500,
      errors: [],
    });
    expect(Math.max(...sizes)).to.equal(300);
    faults.onWrite = (entries) => {
      if (entries.some(({ key }) => key.endsWith(':k1500'))) faults.writes = true;
    };
    const newer = rows.map((each, i) => ({ ...each, amount: i + 1 }));
    const error = await failure(server.features.push('price', newer));
    expect(error.message).to.match(/^\d+ of 2500 rows may not be stored/);
    expect(Number(error.message.split(' ')[0])).to.be.within(501, 1500);
    faults.writes = false;
    delete faults.onWrite;
    await server.features.push('price', newer);
    expect(await valueOf(server, 'k2499')).to.equal(2500);
  });

  it('counts rows by what became of them', async () => {
    const faults: StoreFaults = {};
    const server = await started({
      store: { use: faultyStore(faults) },
      parts: { telemetry: { use: 'opentelemetry' } },
    });
    await server.features.push('price', [row('a', 1), row('b', 1), { ...row('c', 1), amount: 'x' }]);
    await server.features.push('price', [row('a', 1), row('b', 2), row('b', 3)]);
    faults.writes = true;
    await failure(server.features.push('price', [row('a', 2), row('d', 1)]));
    const { body } = (await server.control.scrape({ signal: new AbortController().signal }))!;
    const counted = [...body.matchAll(/^vivace_push_rows_total\{.*vivace_outcome="(\w+)".*\} (\d+)/gm)];
    expect(Object.fromEntries(counted.map(([, outcome, rows]) => [outcome, Number(rows)]))).to.deep.equal({
      written: 3,
      unchanged: 2,
      refused: 1,
      failed: 2,
    });
  });

  it('leaves one of the rows that are pushed at once, whole', async () => {
    const server = await started();
    const pushes = Array.from({ length: 50 }, (_, i) =>
      server.features.push('price', [{ ...row('a', i), tags: [`t${i}`] }]),
    );
    const outcomes = await Promise.all(pushes);
    expect(outcomes.every(({ accepted }) => accepted === 1)).to.equal(true);
    const { features } = await server.features.read(['price'], { sku: ['a'] });
    expect(features).to.deep.equal({ 'price.amount': [49], 'price.tags': [['t49']] });
  });

  it('is counted in flight, refused by a server that has stopped, and bounded by its deadline', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const server = await started({ store: { use: faultyStore({ onWrite: () => held }) } });
    expect(await failureOf(server.features.push('price', [row('a', 1)], { deadlineMs: 30 }))).to.match(
      /^DEADLINE_EXCEEDED/,
    );
    const pushing = server.features.push('price', [row('b', 1)]);
    const stopped = server.stop();
    release();
    expect(await pushing).to.include({ written: 1 });
    await stopped;
    expect(await failureOf(server.features.push('price', [row('c', 1)]))).to.match(
      /^UNAVAILABLE the server is/,
    );
  });
});

describe('push to lmdb', () => {
  it('is there after the server has stopped', async () => {
    const path = await mkdtemp(join(tmpdir(), 'vivace-push-'));
    try {
      const store = { use: 'lmdb', path };
      const first = await priceServer({ store });
      await first.features.push('price', [row('a', 1.25)]);
      await first.stop();
      const second = await priceServer({ store });
      expect(await valueOf(second, 'a')).to.equal(1.25);
      expect(await second.features.push('price', [row('a', 1.25)])).to.include({ written: 0 });
      await second.stop();
    } finally {
      await rm(path, { recursive: true });
    }
  });
});

describeNeeding(redisPrograms, 'push to redis', () => {
  let redis: RedisServer;
  let server: Server;
  before(async () => {
    redis = await RedisServer.start();
    server = await priceServer({ store: { use: 'redis', url: redis.url } });
  });
  after(async () => {
    await server.stop();
    await redis.stop();
  });

  it('writes and repeats', async () => {
    const rows = Array.from({ length: 2500 }, (_, i) => row(`k${i}`, i));
    expect(await server.features.push('price', rows)).to.deep.equal({
      accepted: 2500,
      written: 2500,
      errors: [],
    });
    expect(await server.features.push('price', rows)).to.deep.equal({
      accepted: 2500,
      written: 0,
      errors: [],
    });
    expect(await valueOf(server, 'k2499')).to.equal(2499);
  });

  it('answers UNAVAILABLE where redis is down, and the rows are there once they are pushed again', async () => {
    await redis.process.kill();
    expect((await failure(server.features.push('price', [row('later', 5)]))).httpStatus).to.be.oneOf([
      503, 504,
    ]);
    await redis.process.start();
    for (;;) {
      const outcome = await server.features.push('price', [row('later', 5)]).catch(() => undefined);
      if (outcome?.accepted === 1) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(await valueOf(server, 'later')).to.equal(5);
  });
});
