import { expect } from 'chai';
import {
  abortError,
  columnOf,
  defineAdapter,
  FeatureRows,
  keyValueStore,
  onlineStore as onlineStorePort,
  parseType,
  type KeyValueStore,
  type ServerOf,
  type Views,
} from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { onlineStore } from 'vivace/plugins/online-store';
import { faulty, startPart, type FaultPlan } from 'vivace/testing';
import { z } from 'zod';
import { thrownBy, withServer } from '../support/scripted.js';

/** A memory store behind faults, that notes the batches it is asked for. */
async function notingStore(
  plan: FaultPlan,
  batches: string[][],
): Promise<KeyValueStore & { readonly calls: Record<string, number> }> {
  const part = await startPart(memory);
  const inner = part.face(keyValueStore);
  return faulty(
    {
      supports: inner.supports,
      getMany(keys, context) {
        batches.push([...keys]);
        return inner.getMany(keys, context);
      },
      putNewest: (entries, context) => inner.putNewest(entries, context),
    } satisfies KeyValueStore,
    plan,
  );
}

const views = {
  price: {
    store: 'online',
    entity: { item: 'string' },
    features: { euro: { type: 'float64', default: -1 } },
  },
} satisfies Views;
const pipeline = {
  objects: { fields: { item: 'string' } },
  deadlineMs: 5000,
  steps: [{ fetch: 'price' }],
  response: { outputs: { euro: 'price.euro' } },
} as const;

async function withStore(
  plan: FaultPlan,
  use: (server: ServerOf<{ p: typeof pipeline }>, batches: string[][]) => Promise<void>,
): Promise<void> {
  const batches: string[][] = [];
  const driver = await notingStore(plan, batches);
  const given = defineAdapter({
    provides: keyValueStore,
    name: 'given',
    options: z.strictObject({}),
    create: () => driver,
  });
  await withServer(
    {
      parts: { store: { use: given }, online: { use: onlineStore, store: 'store' } },
      views,
      pipelines: { p: pipeline },
    },
    async (server) => {
      const items = ['a', 'b', 'c', 'd'];
      const view = server.views.get('price')!;
      const rows = new FeatureRows(view.features, items.length);
      items.forEach((_, row) => rows.column('euro').set(row, row + 1));
      for (const times of [rows.eventTime, rows.availableTime]) times.fill(Date.now() * 1000);
      const column = columnOf(parseType('string'), items);
      const { signal } = new AbortController();
      await server
        .part(onlineStorePort, 'online')
        .open(view)
        .write({ rows: items.length, time: 0, column: () => column }, rows, { signal });
      // What the first write has looked up is no read of a request.
      batches.length = 0;
      await use(server, batches);
    },
  );
}

const ask = (server: ServerOf<{ p: typeof pipeline }>, items: readonly string[], signal?: AbortSignal) =>
  server.predict('p', { objects: items.map((item) => ({ item })) }, signal === undefined ? {} : { signal });
const prices = (answer: { objects: readonly { euro: unknown }[] }): unknown[] =>
  answer.objects.map(({ euro }) => euro);

describe('Reads of concurrent requests', () => {
  it('become one read, each key asked once', async () => {
    await withStore({}, async (server, batches) => {
      const answers = await Promise.all([
        ask(server, ['a', 'b']),
        ask(server, ['b', 'c', 'b']),
        ask(server, ['c', 'nothing']),
      ]);
      expect(answers.map(prices)).to.deep.equal([
        [1, 2],
        [2, 3, 2],
        [3, -1],
      ]);
      expect(batches.map((keys) => keys.map((key) => key.split(':')[1]))).to.deep.equal([
        ['a', 'b', 'c', 'nothing'],
      ]);
    });
  });

  it('share keys that are in flight with requests that come later', async () => {
    await withStore({ delayMs: 20 }, async (server, batches) => {
      const first = ask(server, ['a', 'b']);
      await new Promise((resolve) => setTimeout(resolve, 5));
      const second = ask(server, ['b', 'c']);
      expect([prices(await first), prices(await second)]).to.deep.equal([
        [1, 2],
        [2, 3],
      ]);
      expect(batches.flat()).to.have.length(3);
    });
  });

  it('go on for the others when one caller leaves', async () => {
    await withStore({ delayMs: 20 }, async (server) => {
      const controller = new AbortController();
      const leaving = thrownBy(ask(server, ['a'], controller.signal));
      const staying = ask(server, ['a', 'b']);
      await new Promise((resolve) => setImmediate(resolve));
      controller.abort();
      expect((await leaving).code).to.equal('CANCELLED');
      expect(prices(await staying)).to.deep.equal([1, 2]);
    });
  });

  it('are given up when every caller has left, and asked anew for the next', async () => {
    const plan: FaultPlan = { delayMs: 60_000 };
    const aborted: string[] = [];
    const hanging = defineAdapter({
      provides: keyValueStore,
      name: 'hanging',
      options: z.strictObject({}),
      create: () => ({
        supports: { maxBatch: 100 },
        getMany: (keys, { signal }) =>
          plan.delayMs === 0
            ? keys.map(() => undefined)
            : new Promise((_, reject) =>
                signal.addEventListener('abort', () => {
                  aborted.push(abortError(signal).code);
                  reject(abortError(signal));
                }),
              ),
        putNewest: (entries) => entries.map(() => true),
      }),
    });
    await withServer(
      {
        parts: { store: { use: hanging }, online: { use: onlineStore, store: 'store' } },
        views,
        pipelines: { p: pipeline },
      },
      async (server) => {
        const controllers = [new AbortController(), new AbortController()];
        const left = controllers.map((controller) => thrownBy(ask(server, ['a'], controller.signal)));
        await new Promise((resolve) => setTimeout(resolve, 5));
        controllers[0]!.abort();
        await new Promise((resolve) => setImmediate(resolve));
        expect(aborted).to.deep.equal([]);
        controllers[1]!.abort();
        expect((await Promise.all(left)).map((error) => error.code)).to.deep.equal([
          'CANCELLED',
          'CANCELLED',
        ]);
        expect(aborted).to.deep.equal(['CANCELLED']);
        plan.delayMs = 0;
        expect(prices(await ask(server, ['a']))).to.deep.equal([-1]);
      },
    );
  });

  it('fail only for those who asked for a key that failed', async () => {
    await withStore({ failKeys: (key) => key.endsWith(':b'), operations: ['getMany'] }, async (server) => {
      const [well, hurt] = await Promise.all([ask(server, ['a', 'c']), ask(server, ['b', 'd'])]);
      expect(prices(well)).to.deep.equal([1, 3]);
      expect(well.degraded).to.deep.equal([]);
      expect(prices(hurt)).to.deep.equal([-1, 4]);
      expect(hurt.degraded).to.deep.equal([
        { step: 'price', status: 'FAILED', rows: 1, code: 'UNAVAILABLE' },
      ]);
    });
  });

  it('are an outage for all where the store is away, and well again afterwards', async () => {
    const plan: FaultPlan = {};
    await withStore(plan, async (server) => {
      plan.failures = 1;
      const answers = await Promise.all([ask(server, ['a']), ask(server, ['b'])]);
      expect(answers.map((answer) => answer.degraded[0]?.status)).to.deep.equal(['FAILED', 'FAILED']);
      expect(prices(await ask(server, ['a']))).to.deep.equal([1]);
    });
  });
});
