import { createServer, onlineStore, type FeatureView } from 'vivace';
import { Frame } from '../../../core/data/frame.js';
import { Call } from '../../../core/kernel/call.js';
import type { Plan } from '../../../core/pipeline/plan.js';
import { Run, type NodeRun } from '../../../core/pipeline/run.js';
import { PipelineCounters } from '../../../core/steps/counters.js';
import { FetchFeatures } from '../../../core/steps/fetch/fetch-features.js';
import type { FetchNode } from '../../../core/steps/fetch/node.js';
import { figure, type BenchCase } from '../bench-case.js';
import { airportCode, eventTimeMicros, flightViews, fullSize } from '../flight-store.js';
import { interleave, timed } from '../measure.js';
import { distinctNumbers, randomNumbers } from '../random.js';
import { openRows, StoredRows } from '../stored-rows.js';

const rowsPerFetch = 1000;
const fetches = 100;

/** (c) The fetch step over the online store over lmdb, against a loop over the same rows. */
export const benchCase: BenchCase = {
  title: 'the fetch step against a raw lmdb loop, distinct keys, every column decoded',
  async run(bench) {
    const path = await bench.flightStore();
    const server = await createServer({
      parts: { hot: { use: 'lmdb', path, readOnly: true }, online: { use: 'online-store', store: 'hot' } },
      views: flightViews(),
      pipelines: {
        fetched: {
          request: {},
          objects: { fields: { destination: 'string' }, max: rowsPerFetch },
          steps: [{ fetch: 'airport_delay', key: { airport: 'object.destination' } }],
          response: { outputs: { mean: 'airport_delay.delay_mean_1d' } },
        },
      },
    });
    await server.startOnly(['online']);
    const view = server.views.get('airport_delay')!;
    const source = server.part(onlineStore, 'online').open(view);
    const plan = (await server.compile()).get('fetched')!;
    const step = new FetchFeatures(plan.nodes[0] as FetchNode, source, undefined, new PipelineCounters());
    const random = randomNumbers(3);
    const blocks = Array.from({ length: fetches }, () =>
      distinctNumbers(random, rowsPerFetch, fullSize.airports).map(airportCode),
    );
    const database = openRows(path);
    const byHand = new StoredRows(database, view);
    const measured = await interleave(
      {
        vivace: async () =>
          timed(rowsPerFetch * fetches, () => {
            for (const keys of blocks) void step.run(runOf(plan, keys));
          }),
        floor: async () =>
          timed(rowsPerFetch * fetches, () => {
            for (const keys of blocks) readByHand(byHand, view, keys);
          }),
      },
      { rounds: 9, warmUp: 2 },
    );
    await database.close();
    await server.stop();
    const perSecond = 1e6 / measured.vivace.wallMicros;
    const floorPerSecond = 1e6 / measured.floor.wallMicros;
    return [
      {
        what: 'feature rows of 15 columns',
        vivace: figure(perSecond, 'rows/s'),
        floor: figure(floorPerSecond, 'rows/s'),
        ratio: perSecond / floorPerSecond,
        target: '≥ 400,000 rows/s, ratio ≥ 0.5',
        reached: perSecond >= 400_000 && perSecond / floorPerSecond >= 0.5,
      },
      {
        what: 'CPU per row',
        vivace: figure(measured.vivace.cpuMicros, 'µs'),
        floor: figure(measured.floor.cpuMicros, 'µs'),
        ratio: measured.vivace.cpuMicros / measured.floor.cpuMicros,
      },
    ];
  },
};

/** The values of all rows in the view's order, end to end. */
function readByHand(rows: StoredRows, { features }: FeatureView, keys: readonly string[]): Float32Array {
  const values = new Float32Array(keys.length * features.length);
  for (let row = 0; row < keys.length; row++) rows.read(keys[row] as string, values, row * features.length);
  return values;
}

/** One run with a decoded request whose objects are the given destinations. */
function runOf(plan: Plan, destinations: string[]): NodeRun {
  const frame = new Frame({
    time: Float64Array.of(eventTimeMicros),
    offsets: Uint32Array.of(0, destinations.length),
    columns: plan.columns.length,
    fetches: plan.fetches,
    skips: plan.skips,
    masks: plan.masks,
  });
  const { place, type } = plan.objects!.fields[0]!;
  frame.write(place, { type, rows: destinations.length, values: destinations });
  const call = new Call({ requestId: 'r', signal: new AbortController().signal });
  return new Run(call, () => frame).decode();
}
