import { connect, type Cluster } from 'couchbase';
import { createServer, FeatureRows, onlineStore } from 'vivace';
import { CouchbaseServer, type CouchbaseAccess } from '../../servers/couchbase-server.js';
import { figure, type Figure } from '../bench-case.js';
import { asChild } from '../child.js';
import { interleave, timed } from '../measure.js';
import { distinctNumbers, randomNumbers } from '../random.js';
import { StoredFloats } from '../stored-floats.js';
import { closedLoop, fillWide, idOf, keysOf } from '../wide-rows.js';
import { compiledWideView, wideView } from '../wide-table.js';

const rows = 20_000;
const callsInFlight = 4;
const most = 1.3;

/** Rows of 50 float32 features through the online store over CouchbaseMock, against the bare SDK. */
await asChild(async () => {
  const mock = await CouchbaseServer.start();
  const view = compiledWideView('wide.parquet');
  const server = await createServer({
    parts: {
      hot: { use: 'couchbase', ...mock.access },
      online: { use: 'online-store', store: 'hot' },
    },
    views: { wide: wideView('wide.parquet') as never },
    pipelines: {},
  });
  // The SDK is loaded by the import above: what remains is the part's own.
  const from = performance.now();
  await server.startOnly(['online']);
  const startMs = performance.now() - from;
  const online = server.part(onlineStore, 'online').open(view);
  await fillWide(online, view, { rows, batchRows: 1000 });
  const lean = await openBare(mock.access, {
    tracingConfig: { enableTracing: false },
    metricsConfig: { enableMetrics: false },
  });
  const asItComes = await openBare(mock.access, {});
  const byHand = new StoredFloats(view.features);

  const context = { signal: new AbortController().signal };
  const random = randomNumbers(5);
  const figures: Figure[] = [];
  for (const count of [100, 1000]) {
    const blocks = Array.from({ length: 32 }, () => distinctNumbers(random, count, rows).map(idOf));
    const vivace = async (ids: string[]): Promise<void> => {
      await online.read(keysOf(ids), new FeatureRows(view.features, count), context);
    };
    const bare =
      (cluster: Cluster) =>
      async (ids: string[]): Promise<void> => {
        const collection = cluster.bucket('app').defaultCollection();
        const found = await Promise.all(ids.map(async (id) => collection.get(`${view.hash}:${id}`)));
        byHand.decode(found.map(({ content }) => content as Buffer));
      };
    const calls = 8000 / count;
    const run =
      (call: (ids: string[]) => Promise<void>) =>
      async (): Promise<{ wallMicros: number; cpuMicros: number }> =>
        timed(calls, async () =>
          closedLoop(calls, callsInFlight, async (made) => call(blocks[made % blocks.length]!)),
        );
    const measured = await interleave(
      { vivace: run(vivace), floor: run(bare(lean)), asItComes: run(bare(asItComes)) },
      { rounds: 7, warmUp: 1 },
    );
    const ratio = measured.vivace.wallMicros / measured.floor.wallMicros;
    figures.push(
      {
        what: `${count} keys, ${callsInFlight} calls in flight: per call`,
        vivace: figure(measured.vivace.wallMicros / 1000, 'ms'),
        floor: figure(measured.floor.wallMicros / 1000, 'ms'),
        ratio,
        target: `ratio ≤ ${most}`,
        reached: ratio <= most,
      },
      {
        what: `${count} keys: CPU per call`,
        vivace: figure(measured.vivace.cpuMicros, 'µs'),
        floor: figure(measured.floor.cpuMicros, 'µs'),
        ratio: measured.vivace.cpuMicros / measured.floor.cpuMicros,
      },
      {
        what: `${count} keys: CPU per call, SDK as it comes (spans and metrics on)`,
        vivace: figure(measured.vivace.cpuMicros, 'µs'),
        floor: figure(measured.asItComes.cpuMicros, 'µs'),
        ratio: measured.vivace.cpuMicros / measured.asItComes.cpuMicros,
      },
    );
  }
  figures.push({
    what: 'start of the parts, SDK loaded',
    vivace: figure(startMs, 'ms'),
    target: '< 1,000 ms',
    reached: startMs < 1000,
  });
  await lean.close();
  await asItComes.close();
  await server.stop();
  await mock.stop();
  return { ready: figures };
});

async function openBare({ url, username, password }: CouchbaseAccess, options: object): Promise<Cluster> {
  return connect(url, { username, password, ...options });
}
