import {
  columnOf,
  createServer,
  definePlugin,
  FeatureRows,
  onlineStore,
  predictor,
  type Server,
  type Tensor,
} from 'vivace';
import { z } from 'zod';
import { figure, type BenchCase, type Figure } from '../bench-case.js';
import { interleave, timed } from '../measure.js';

const requests = 4000;
const objects = 10;

/** Gives back its input `score`; the features it takes beside it are packed for nothing. */
const identity = definePlugin({
  provides: predictor,
  name: 'identity',
  options: z.strictObject({}),
  create: () => {
    const model = { name: 'identity', version: '1', digest: 'identity' };
    const score = { name: 'score', datatype: 'FP32' as const, shape: [-1, 1] };
    const inputs = [score, { name: 'features', datatype: 'FP32' as const, shape: [-1, 8] }];
    return {
      describe: async () => ({ model, signature: { inputs, outputs: [score], over: 'row' as const } }),
      serving: () => model,
      predict: async ([given]: readonly Tensor[]) => ({ model, outputs: [given!] }),
    };
  },
});

const features = {
  a: { type: 'float32' },
  b: { type: 'float32' },
  c: { type: 'float32' },
  d: { type: 'float32' },
} as const;
const all = ['user', 'item'].flatMap((view) => Object.keys(features).map((name) => `${view}.${name}`));

/** (d) What a request costs beside its stores and its model. */
export const benchCase: BenchCase = {
  title: 'pipeline overhead: 10 objects, 2 fetches, memory store, identity predictor, in process',
  async run() {
    const server = await createServer({
      parts: {
        hot: { use: 'memory' },
        online: { use: 'online-store', store: 'hot' },
        model: { use: identity },
      },
      views: {
        user: { store: 'online', entity: { user: 'string' }, features },
        item: { store: 'online', entity: { item: 'string' }, features },
      },
      pipelines: {
        score: {
          request: { user: 'string' },
          objects: { fields: { item: 'string' }, max: 100 },
          steps: [
            { fetch: 'user', key: { user: 'request.user' } },
            { fetch: 'item', key: { item: 'object.item' } },
            { predict: 'model', inputs: { score: ['item.a'], features: all } },
          ],
          response: { outputs: { score: 'model.score' } },
        },
      },
    });
    await server.start();
    await fill(server);
    const body = (i: number): object => ({
      request: { user: `u${i % 100}` },
      objects: Array.from({ length: objects }, (_, k) => ({ item: `i${(i * 7 + k) % 1000}` })),
    });
    const bodies = Array.from({ length: 1000 }, (_, i) => body(i) as never);
    const inFlight = (count: number) => async () =>
      timed(requests, async () => {
        let next = 0;
        await Promise.all(
          Array.from({ length: count }, async () => {
            while (next < requests)
              await server.predict('score', bodies[next++ % bodies.length] as never, { requestId: 'r' });
          }),
        );
      });
    const measured = await interleave({ one: inFlight(1), eight: inFlight(8) }, { rounds: 9, warmUp: 2 });
    await server.stop();
    return [...figuresOf('1 in flight', measured.one), ...figuresOf('8 in flight', measured.eight)];
  },
};

function figuresOf(
  what: string,
  { wallMicros, cpuMicros }: { wallMicros: number; cpuMicros: number },
): Figure[] {
  return [
    {
      what: `${what}: per request`,
      vivace: figure(wallMicros, 'µs'),
      target: '≤ 60 µs',
      reached: wallMicros <= 60,
    },
    { what: `${what}: CPU per request`, vivace: figure(cpuMicros, 'µs') },
  ];
}

async function fill(server: Server): Promise<void> {
  const store = server.part(onlineStore, 'online');
  for (const [name, key, count] of [
    ['user', 'u', 100],
    ['item', 'i', 1000],
  ] as const) {
    const view = server.views.get(name)!;
    const names = columnOf(
      view.entity[0]!.type,
      Array.from({ length: count }, (_, i) => `${key}${i}`),
    );
    const rows = new FeatureRows(view.features, count);
    for (const { values } of rows.columns) for (let row = 0; row < count; row++) values[row] = row;
    for (const times of [rows.eventTime, rows.availableTime]) times.fill(1);
    rows.setAllPresent();
    await store
      .open(view)
      .write({ rows: count, time: 0, column: () => names }, rows, { signal: new AbortController().signal });
  }
}
