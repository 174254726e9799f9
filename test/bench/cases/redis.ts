import { createClient, RESP_TYPES } from 'redis';
import { createServer, FeatureRows, onlineStore } from 'vivace';
import { RedisServer } from '../../servers/redis-server.js';
import { figure, type BenchCase, type Figure } from '../bench-case.js';
import { interleave, percentile, timed } from '../measure.js';
import { openLoop } from '../open-loop.js';
import { distinctNumbers, randomNumbers } from '../random.js';
import { StoredFloats } from '../stored-floats.js';
import { closedLoop, fillWide, idOf, keysOf } from '../wide-rows.js';
import { compiledWideView, wideView } from '../wide-table.js';

const rows = 100_000;
const inFlight = 8;
const batchRows = 10_000;
const mostMs = 10;

/** Rows of 50 float32 features through the online store over Redis, against the bare client. */
export const benchCase: BenchCase = {
  title: 'rows of 50 features from Redis, against the bare client with decoding by hand',
  async run() {
    const redis = await RedisServer.start();
    const view = compiledWideView('wide.parquet');
    const server = await createServer({
      parts: { hot: { use: 'redis', url: redis.url }, online: { use: 'online-store', store: 'hot' } },
      views: { wide: wideView('wide.parquet') as never },
      pipelines: {},
    });
    const from = performance.now();
    await server.startOnly(['online']);
    const startMs = performance.now() - from;
    const online = server.part(onlineStore, 'online').open(view);
    await fillWide(online, view, { rows, batchRows });
    const bare = createClient({ url: redis.url, commandOptions: { timeout: 0 } });
    bare.on('error', () => undefined);
    await bare.connect();
    const client = bare.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
    const byHand = new StoredFloats(view.features);

    const context = { signal: new AbortController().signal };
    const random = randomNumbers(5);
    const figures: Figure[] = [];
    for (const count of [100, 1000]) {
      const blocks = Array.from({ length: 64 }, () => distinctNumbers(random, count, rows).map(idOf));
      const vivace = async (block: number): Promise<void> => {
        const ids = blocks[block % blocks.length]!;
        await online.read(keysOf(ids), new FeatureRows(view.features, count), context);
      };
      const floor = async (block: number): Promise<void> => {
        const ids = blocks[block % blocks.length]!;
        byHand.decode((await client.mGet(ids.map((id) => `vivace:${view.hash}:${id}`))) as Buffer[]);
      };
      const calls = 200_000 / count;
      const measured = await interleave(
        {
          vivace: async () => timed(calls, async () => closedLoop(calls, inFlight, vivace)),
          floor: async () => timed(calls, async () => closedLoop(calls, inFlight, floor)),
        },
        { rounds: 9, warmUp: 2 },
      );
      const perSecond = 1e6 / measured.vivace.wallMicros;
      const floorPerSecond = 1e6 / measured.floor.wallMicros;
      figures.push(
        {
          what: `${count} keys, ${inFlight} in flight`,
          vivace: figure(perSecond, 'calls/s'),
          floor: figure(floorPerSecond, 'calls/s'),
          ratio: perSecond / floorPerSecond,
          target: 'ratio ≥ 0.8',
          reached: perSecond / floorPerSecond >= 0.8,
        },
        {
          what: `${count} keys: CPU per call`,
          vivace: figure(measured.vivace.cpuMicros, 'µs'),
          floor: figure(measured.floor.cpuMicros, 'µs'),
          ratio: measured.vivace.cpuMicros / measured.floor.cpuMicros,
        },
      );
      const [late, floorLate] = [
        percentile(await openLoop(vivace, perSecond / 2), 0.95),
        percentile(await openLoop(floor, floorPerSecond / 2), 0.95),
      ];
      figures.push({
        what: `${count} keys at half that rate: p95`,
        vivace: figure(late, 'ms'),
        floor: figure(floorLate, 'ms'),
        ...(count === 100 ? { target: `< ${mostMs} ms`, reached: late < mostMs } : {}),
      });
    }
    figures.push({
      what: 'start of the parts',
      vivace: figure(startMs, 'ms'),
      target: '< 1,000 ms',
      reached: startMs < 1000,
    });
    bare.destroy();
    await server.stop();
    await redis.stop();
    return figures;
  },
};
