import { expect } from 'chai';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  defineAdapter,
  keyValueStore,
  servedLog,
  VivaceError,
  type KeyValueStore,
  type ServerOf,
  type SkewCauses,
} from 'vivace';
import { callContext } from 'vivace/testing';
import { z } from 'zod';
import { failureOf } from '../support/failure.js';
import {
  askFor,
  causesOf,
  copySales,
  dayMs,
  marchMs,
  minuteMs,
  skewOf,
  SkewShop,
  type Sale,
  type ShopOptions,
} from '../support/skew-fixture.js';

const on = (day: number): number => marchMs + day * dayMs;
const shops = ['n', 's', 'w'];
/** A sale of each shop on the first two days. */
const sales: readonly Sale[] = [0, 1].flatMap((day) =>
  shops.map((shop, i) => ({ shop, at: on(day), known: on(day), amount: 1 + i + day })),
);
const sale = (shop: string, day: number, amount: number): Sale => ({
  shop,
  at: on(day),
  known: on(day),
  amount,
});

/** A store that is away. */
const away = defineAdapter({
  provides: keyValueStore,
  name: 'away',
  options: z.strictObject({}),
  create: (): KeyValueStore => {
    const fails = (): never => {
      throw new VivaceError('UNAVAILABLE', 'the store is away');
    };
    return { supports: {}, getMany: fails, putNewest: fails } as unknown as KeyValueStore;
  },
});

describe('The cause of skew', function () {
  this.timeout(60_000);
  let shop: SkewShop;
  beforeEach(() => {
    shop = new SkewShop();
    shop.sell(sales);
  });
  afterEach(() => shop.dispose());

  /** Copies and asks on the third day. */
  const served = (options: ShopOptions = {}, untilMs = on(2)): Promise<void> =>
    shop.within(async (server) => {
      await copySales(server, untilMs);
      await askFor(server, shops, on(2));
      await server.part(servedLog, 'log').flush(callContext());
    }, options);
  const causes = (
    fetch: string,
    options: ShopOptions = {},
    first: (server: ServerOf) => Promise<void> = async () => undefined,
  ): Promise<Pick<ReturnType<typeof causesOf>, 'causes' | 'feature'>> =>
    shop.within(async (server) => {
      await first(server);
      return causesOf(await skewOf(server), fetch);
    }, options);
  const both = (found: SkewCauses): object => ({ causes: found, feature: found });

  it('is the definition, where a default is another one now', async () => {
    const withDefault = (value: number): ShopOptions => ({
      last: { features: { amount: { type: 'float64', default: value } } },
    });
    await shop.within(async (server) => {
      await askFor(server, ['nobody'], on(2));
      await server.part(servedLog, 'log').flush(callContext());
    }, withDefault(7));
    expect(await causes('last', withDefault(7))).to.deep.equal(both({}));
    expect(await causes('last', withDefault(8))).to.deep.equal(both({ definition: 1 }));
  });

  it('is an outage, where the store was away', async () => {
    await served();
    const pipeline = {
      steps: [
        { fetch: 'last', onFailure: 'null' },
        { fetch: 'week', onFailure: 'null' },
      ],
    } as const;
    await shop.within((server) => askFor(server, ['n', 's'], on(2)), {
      parts: { hot: { use: away } },
      pipeline,
    });
    expect(await causes('week', { pipeline })).to.deep.include({ causes: { outage: 2 } });
  });

  it('is that a row expired, where the store had been given it', async () => {
    await shop.within(async (server) => {
      await copySales(server, on(2));
      const store = server.part(keyValueStore, 'hot');
      await store.dropPrefix!(`${server.views.get('last')!.hash}:n`, callContext());
      await askFor(server, shops, on(2));
    });
    expect(await causes('last')).to.deep.equal(both({ expired: 1 }));
    expect(await causes('week')).to.deep.equal(both({}));
  });

  it('is that the source was restated, where it has other rows than it had', async () => {
    await served();
    shop.sell(sales.map((each) => (each.shop === 'n' ? { ...each, amount: each.amount + 5 } : each)));
    for (const fetch of ['last', 'week']) expect(await causes(fetch)).to.deep.equal(both({ restated: 1 }));
    // From now on the ledger says so, and its fingerprints are those of the new rows.
    await shop.within((server) => copySales(server, on(2) + minuteMs, { restate: true }));
    expect(await causes('last')).to.deep.equal(both({ restated: 1 }));
    // What is served since then is as it is now, with the times of the run.
    await shop.within((server) => askFor(server, ['n'], on(2) + minuteMs));
    expect(await causes('last')).to.deep.equal({ causes: { restated: 2 }, feature: { restated: 1 } });
  });

  it('is that the source was restated, where only the time differs that the run gave to a later row', async () => {
    await served();
    // The row of the first day is edited; each key has a newer one.
    shop.sell(sales.map((each, i) => (i === 0 ? { ...each, amount: 50 } : each)));
    await shop.within((server) => copySales(server, on(2) + minuteMs, { restate: true }));
    // More runs come after it than a ledger remembers.
    await shop.within(async (server) => {
      for (let i = 2; i < 23; i++) await copySales(server, on(2) + i * minuteMs, { views: ['last'] });
      await askFor(server, shops, on(2) + 30 * minuteMs);
    });
    expect(await causes('last')).to.deep.equal({ causes: { restated: 3 }, feature: {} });
    expect(await causes('week')).to.deep.equal({ causes: { restated: 4 }, feature: { restated: 1 } });
  });

  it('is that a row came late, where a run had restated other days before the answer', async () => {
    shop.sell(sales);
    await shop.within((server) => copySales(server, on(4)));
    const edited = sales.map((each, i) => (i === 0 ? { ...each, amount: 50 } : each));
    shop.sell(edited);
    await shop.within(async (server) => {
      await copySales(server, on(4) + minuteMs, { restate: true });
      await askFor(server, shops, on(4) + 2 * minuteMs);
    });
    shop.sell([...edited, sale('n', 3, 7), sale('new', 3, 7)]);
    await shop.within((server) => askFor(server, ['new'], on(4) + 2 * minuteMs));
    const week = await causes('week');
    expect(week.feature).to.deep.equal({ late: 2 });
    expect((await causes('last')).feature).to.deep.equal({ late: 2 });
  });

  it('is that the source was restated, where a row has gone', async () => {
    await served();
    shop.sell(sales.filter(({ shop: name, at }) => name !== 'n' || at < on(1)));
    expect(await causes('last')).to.deep.equal(both({ restated: 1 }));
  });

  it('is that the store was behind, where no run had come that far', async () => {
    await served({}, on(1) - minuteMs);
    expect(await causes('last')).to.deep.equal(both({ behind: 3 }));
  });

  it('is a cache, for as long as it may have kept a row', async () => {
    const cached = (ttlMs: number): ShopOptions => ({
      parts: { fresh: { use: 'memory' }, recent: { use: 'cache', store: 'fresh' } },
      pipeline: { steps: [{ fetch: 'last', cache: { in: 'recent', ttlMs } }, { fetch: 'week' }] },
    });
    const ask = (options: ShopOptions): Promise<void> =>
      shop.within(async (server) => {
        await copySales(server, on(2));
        await askFor(server, ['n', 'nobody'], on(2));
        shop.sell([...sales, sale('n', 3, 50), sale('nobody', 3, 50)]);
        await copySales(server, on(3));
        await askFor(server, ['n', 'nobody'], on(3));
        await server.part(servedLog, 'log').flush(callContext());
      }, options);
    await ask(cached(2 * dayMs));
    expect(await causes('last', cached(2 * dayMs))).to.deep.equal(both({ cached: 2 }));
    expect(await causes('last')).to.deep.equal(both({ cached: 2 }));
  });

  it('is that a row is ahead, where the store knew more than it could', async () => {
    shop.sell([...sales, sale('n', 3, 50)]);
    await served({}, on(4));
    expect(await causes('last')).to.deep.equal(both({ ahead: 1 }));
  });

  it('is rounding, where only the last digits differ', async () => {
    await served();
    shop.sell(sales.map((each) => ({ ...each, amount: each.amount * (1 + 1e-13) })));
    expect(await causes('last')).to.deep.equal(both({ rounding: 3 }));
  });

  it('is not known, where nothing has changed in the source since and no ledger is asked', async () => {
    await served();
    shop.sell(sales.map((each) => ({ ...each, amount: each.amount + 1 })));
    await shop.within(async (server) => {
      const report = await skewOf(server, { ledger: false });
      expect(causesOf(report, 'last')).to.deep.equal(both({ unexplained: 3 }));
      expect([report.unexplained, report.refresh]).to.deep.equal([6, {}]);
      const [example] = report.fetches[0]!.examples;
      expect(example).to.deep.include({ cause: 'unexplained', index: 0, time: '2026-03-03T00:00:00Z' });
      expect(example!.values).to.deep.equal({ amount: { served: 2, recomputed: 3 } });
    });
  });

  describe('of objects', () => {
    const objects: ShopOptions = {
      last: { features: { amount: { type: 'float64' }, name: { type: 'string', of: 'shop' } } },
      pipeline: {
        request: { shop: 'string', at: 'timestamp' },
        objects: { fields: { item: 'string' }, max: 10 },
        steps: [
          { fetch: 'last' },
          { fetch: 'last', as: 'each', key: { shop: 'object.item' }, onMissing: 'skip' },
          { fetch: 'week', key: { shop: 'each.name' } },
        ],
        response: { outputs: { amount: 'each.amount' } },
      },
    };

    it('counts a row of the request once, and none that was not read', async () => {
      await shop.within(async (server) => {
        await copySales(server, on(2));
        for (let i = 0; i < 3; i++)
          await server.predict('sales', {
            request: { shop: 'n', at: new Date(on(2)).toISOString() },
            objects: [{ item: 'nobody' }, { item: 's' }, { item: 'w' }],
          });
        shop.sell(sales.map((each) => ({ ...each, amount: each.shop === 's' ? 0 : each.amount })));
        const report = await skewOf(server);
        expect(report.rows).to.equal(9);
        expect(report.fetches.map(({ fetch, rows, causes: found }) => [fetch, rows, found])).to.deep.equal([
          ['last', 3, {}],
          ['each', 9, { restated: 3 }],
          ['week', 6, { restated: 3 }],
        ]);
      }, objects);
    });
  });

  it('is found where a row has gone that the pipeline requires', async () => {
    const strict: ShopOptions = {
      pipeline: { steps: [{ fetch: 'last', onMissing: 'fail' }, { fetch: 'week' }] },
    };
    await served(strict);
    shop.sell(sales.filter(({ shop: name }) => name !== 'n'));
    expect(await causes('last', strict)).to.deep.equal(both({ restated: 1 }));
  });

  it('is not there where a log keeps what is pushed', async () => {
    await shop.within(
      async (server) => {
        for (const amount of [1, 2]) {
          const eventTime = new Date(on(amount));
          await server.features.push('last', [{ shop: 'n', amount, eventTime }]);
          const at = Date.now() + 1;
          await askFor(server, ['n', 'nobody'], at);
          // What is pushed next is not known yet at the time of the request.
          while (Date.now() <= at) await new Promise((resolve) => setTimeout(resolve, 1));
        }
        const report = await skewOf(server);
        const [last] = report.fetches;
        expect([last!.fetch, last!.rows, last!.mismatches]).to.deep.equal(['last', 4, 0]);
        expect(Object.keys(report.refresh)).to.deep.equal(['week']);
        expect(report.notCompared).to.deep.equal([]);
      },
      { last: { source: { push: true, log: 'log' } } },
    );
  });

  it('is not looked for where the log or the source cannot be read', async () => {
    await served();
    await shop.within(async (server) => {
      writeFileSync(join(shop.directory, 'sales.csv'), 'shop,at,known\nn,2026-03-01,2026-03-01\n');
      expect(await failureOf(skewOf(server))).to.match(/views\.last\.features\.amount.*no column "amount"/);
      shop.sell(sales);
      const folder = join(shop.directory, 'log/served/sales');
      const [day] = readdirSync(folder);
      writeFileSync(join(folder, day!, 'broken.parquet'), 'PAR1 and no more');
      expect(await failureOf(skewOf(server))).to.match(/DATA_LOSS .*broken\.parquet/);
    });
  });
});
