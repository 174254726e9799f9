import { createServer, onlineStore } from 'vivace';
import { RedisServer } from '../../servers/redis-server.js';
import { figure, type BenchCase, type Figure } from '../bench-case.js';
import { Child } from '../child.js';
import { HttpClient, jsonRequest } from '../http-client.js';
import { load, openLoad, type LoadSample, type Target } from '../load.js';
import { interleave, percentile } from '../measure.js';
import { PythonService } from '../python-service.js';
import { distinctNumbers, randomNumbers } from '../random.js';
import { modelFile } from '../serve.js';
import { slotsAt } from '../stored-floats.js';
import { fillWide, idOf } from '../wide-rows.js';
import { compiledWideView, wideView } from '../wide-table.js';

const rows = 100_000;
const bodies = 64;
const clients = 8;
const rounds = 7;

/** The whole of a ranking, against the same written by hand in FastAPI. */
export const benchCase: BenchCase = {
  title: 'rank objects of 50 features from Redis over HTTP, against the same by hand in FastAPI',
  async run(bench) {
    const models = await bench.models();
    const redis = await RedisServer.start();
    const { hash } = compiledWideView('wide.parquet');
    await fill(redis.url);
    const vivace = await Child.start<string>('./children/serve-wide.js', { redis: redis.url, models });
    const byHand = async (modelInThread: boolean): Promise<PythonService> =>
      PythonService.start('rank_service.py', {
        model: modelFile(models, 'wide'),
        redisPort: redis.port,
        hash,
        firstCell: slotsAt / 4,
        modelInThread,
      });
    const [plain, threaded] = [await byHand(false), await byHand(true)];
    const figures: Figure[] = [];
    for (const objects of [100, 1000]) {
      const requests = rankRequests('/rank', objects);
      const targets = {
        vivace: {
          child: vivace.child,
          url: vivace.ready,
          requests: rankRequests('/v1/pipelines/rank/predict', objects),
        },
        plain: { child: plain, url: plain.url, requests },
        threaded: { child: threaded, url: threaded.url, requests },
      };
      await checkAnswers(targets.vivace, targets.plain);
      const options = { clients, count: 300_000 / objects };
      const measured = await interleave(
        {
          vivace: async () => load(targets.vivace, options),
          plain: async () => load(targets.plain, options),
          threaded: async () => load(targets.threaded, options),
        },
        { rounds, warmUp: 2 },
      );
      const { vivace: own, plain: floor } = measured;
      const half = floor.perSecond / 2;
      const late = percentile(await openLoad(targets.vivace, half), 0.99);
      const lateByHand = percentile(await openLoad(targets.plain, half), 0.99);
      figures.push(
        ...against('FastAPI', { objects, own, floor }, 1.2),
        ...against('FastAPI, model in a thread', { objects, own, floor: measured.threaded }),
        {
          what: `${objects} objects, half the rate of FastAPI: p99`,
          vivace: figure(late, 'ms'),
          floor: figure(lateByHand, 'ms'),
          ratio: late / lateByHand,
        },
      );
    }
    await vivace.child.stop();
    await plain.stop();
    await threaded.stop();
    await redis.stop();
    return figures;
  },
};

async function fill(url: string): Promise<void> {
  const view = compiledWideView('wide.parquet');
  const server = await createServer({
    parts: { hot: { use: 'redis', url }, online: { use: 'online-store', store: 'hot' } },
    views: { wide: wideView('wide.parquet') as never },
    pipelines: {},
  });
  await server.startOnly(['online']);
  await fillWide(server.part(onlineStore, 'online').open(view), view, { rows, batchRows: 10_000 });
  await server.stop();
}

function rankRequests(path: string, objects: number): Buffer[] {
  const random = randomNumbers(objects);
  return Array.from({ length: bodies }, () =>
    jsonRequest(path, {
      request: {},
      objects: distinctNumbers(random, objects, rows).map((row) => ({ id: idOf(row) })),
    }),
  );
}

/** The two answer the same requests with the same order and the same delays. */
async function checkAnswers(...targets: readonly Target[]): Promise<void> {
  const answers = await Promise.all(
    targets.map(async ({ url, requests }) => {
      const connection = await HttpClient.open(url);
      const { objects } = JSON.parse((await connection.send(requests[0]!)).toString()) as {
        objects: unknown;
      };
      connection.close();
      return JSON.stringify(
        (objects as { index: number; delay: number }[]).map(({ index, delay }) => [
          index,
          Math.fround(delay),
        ]),
      );
    }),
  );
  if (new Set(answers).size > 1) throw new Error('the two rank differently: their times compare nothing');
}

function against(
  other: string,
  { objects, own, floor }: { objects: number; own: LoadSample; floor: LoadSample },
  least?: number,
): Figure[] {
  const ratio = own.perSecond / floor.perSecond;
  const what = `${objects} objects, ${clients} clients, ${other}`;
  return [
    {
      what,
      vivace: figure(own.perSecond, 'requests/s'),
      floor: figure(floor.perSecond, 'requests/s'),
      ratio,
      ...(least === undefined ? {} : { target: `ratio ≥ ${least}`, reached: ratio >= least }),
    },
    {
      what: `${what}: CPU per request`,
      vivace: figure(own.cpuMicros, 'µs'),
      floor: figure(floor.cpuMicros, 'µs'),
      ratio: own.cpuMicros / floor.cpuMicros,
    },
  ];
}
