import { buildTrainingSet, createServer, materializeViews } from 'vivace';
import { nightMs } from './shop.js';
import { shopParts, shopViews } from './views.js';

/** The views that requests of a training set are joined with. */
export type SetName = 'two' | 'three' | 'withLast';

const steps = {
  two: [{ fetch: 'customer' }, { fetch: 'product' }],
  three: [{ fetch: 'customer' }, { fetch: 'product' }, { fetch: 'pair' }],
  withLast: [{ fetch: 'customer' }, { fetch: 'product' }, { fetch: 'last_line' }],
} as const;

const callContext = () => ({ signal: new AbortController().signal });

/**
 * Builds a training set in Parquet.
 *
 * @param given.lines The lines of the shop.
 * @param given.requests Its requests.
 * @returns How long it took, milliseconds.
 */
export async function trainingSet(given: {
  readonly set: SetName;
  readonly lines: string;
  readonly requests: string;
  readonly out: string;
}): Promise<number> {
  const server = await createServer({
    parts: shopParts({ use: 'memory' }),
    views: shopViews(given.lines),
    pipelines: {
      sales: {
        request: { customer: 'string', product: 'string', moment: 'timestamp' },
        time: 'request.moment',
        steps: [...steps[given.set]],
        response: { outputs: { lines: 'customer.lines_7d' } },
      },
    },
  });
  await server.startOnly(['history']);
  const from = performance.now();
  const options = { pipeline: 'sales', spine: { table: given.requests, time: 'moment' } };
  await buildTrainingSet(server, given.out, options, callContext());
  const ms = performance.now() - from;
  await server.stop();
  return ms;
}

/**
 * Copies all views to LMDB, once for each night.
 *
 * @returns How long each run took, milliseconds, and how many rows it copied.
 */
export async function nightlyRuns(given: {
  readonly lines: string;
  readonly path: string;
  readonly nights: readonly number[];
}): Promise<{ readonly ms: number; readonly rows: number }[]> {
  const server = await createServer({
    parts: shopParts({ use: 'lmdb', path: given.path }),
    views: shopViews(given.lines),
    pipelines: {},
  });
  const runs: { ms: number; rows: number }[] = [];
  for (const night of given.nights) {
    const from = performance.now();
    const done = await materializeViews(server, { untilMs: nightMs(night) }, callContext());
    runs.push({ ms: performance.now() - from, rows: done.reduce((sum, { rows }) => sum + rows, 0) });
  }
  await server.stop();
  return runs;
}
