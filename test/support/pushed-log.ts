import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  buildTrainingSet,
  carriedFields,
  createServer,
  warehouse,
  type BlobStore,
  type Clock,
  type PipelineDeclaration,
  type ServerOf,
  type Views,
} from 'vivace';
import { callContext } from 'vivace/testing';
import { at, faultyStore, setClock } from './price-server.js';
import { givenBlobs, rowsOf, type LogRow } from './served-log.js';

/** A view whose pushed rows a log keeps. */
export const keptPrice = {
  store: 'online',
  entity: { sku: 'string' },
  source: { push: true, log: 'log' },
  features: { amount: { type: 'float64' }, label: { type: 'string' } },
} as const;

/** Parts that keep what is pushed in `files`, a blob store. */
const keepingParts = {
  online: { use: 'online-store', store: 'hot' },
  lake: { use: 'duckdb', threads: 1 },
  log: { use: 'served-log', encode: 'lake', blobs: 'files' },
} as const;

/** A server of prices that are pushed and kept, for a program of its own: JSON, in which only the part `files` is missing. */
export const keptSpecification = {
  parts: { hot: { use: 'memory' }, ...keepingParts },
  views: { price: keptPrice },
  pipelines: {},
};

/** A pipeline `quote` that answers with features of the view `price` at a time that the request gives. */
export function quoting(...features: readonly string[]): Readonly<Record<string, PipelineDeclaration>> {
  return {
    quote: {
      request: { sku: 'string', at: 'timestamp' },
      time: 'request.at',
      steps: [{ fetch: 'price', onMissing: 'null' }],
      response: { outputs: Object.fromEntries(features.map((name) => [name, `price.${name}`])) },
    },
  };
}

export interface KeptServerOptions {
  readonly directory: string;
  /** What the online store holds; default: nothing yet. */
  readonly stored?: Map<string, Uint8Array>;
  readonly faults?: Parameters<typeof faultyStore>[0];
  readonly clock?: Clock;
  /** The blobs of the log; default: files in the directory. */
  readonly blobs?: BlobStore;
  /** Options of the log. */
  readonly log?: Readonly<Record<string, unknown>>;
  /** Default: `keptPrice`. */
  readonly price?: object;
  readonly views?: Readonly<Record<string, unknown>>;
  /** Parts besides those of the prices. */
  readonly parts?: Readonly<Record<string, { readonly use: string }>>;
  readonly pipelines?: Readonly<Record<string, PipelineDeclaration>>;
}

/** A server of prices that are pushed and kept, over a warehouse that is DuckDB. It is not started. */
export function keptServer({
  directory,
  stored,
  faults = {},
  clock = setClock(),
  blobs,
  log = {},
  price = keptPrice,
  views = {},
  parts = {},
  pipelines = quoting('amount', 'label'),
}: KeptServerOptions): Promise<ServerOf> {
  return createServer({
    parts: {
      hot: { use: faultyStore(faults, stored) },
      ...keepingParts,
      files: blobs === undefined ? { use: 'filesystem', path: 'blobs' } : { use: givenBlobs, store: blobs },
      log: { ...keepingParts.log, appendMs: 1, retryMs: 10, ...log },
      history: { use: 'offline-store', warehouse: 'lake', online: 'online' },
      ...parts,
    },
    views: { price, ...views } as Views,
    pipelines,
    directory,
    clock,
  });
}

/** The servers of each test of a `describe`, which share a directory. */
export interface KeptServers {
  /** Empty as the test begins. */
  readonly directory: string;
  /** Starts one, which is stopped after the test. */
  start(options?: Omit<KeptServerOptions, 'directory'>): Promise<ServerOf>;
}

/** Declares that each test of a `describe` has a directory and servers of its own. */
export function keptServers(): KeptServers {
  let directory: Awaited<ReturnType<typeof emptyDirectory>>;
  const servers: ServerOf[] = [];
  beforeEach(async () => {
    directory = await emptyDirectory();
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
    await directory.remove();
  });
  return {
    get directory() {
      return directory.path;
    },
    async start(options = {}) {
      const server = await keptServer({ directory: directory.path, ...options });
      servers.push(server);
      return server.start({ serve: false });
    },
  };
}

/** A row to push to `keptPrice`, whose event time is so many milliseconds after that of `setClock`. */
export function priceRow(
  sku: string,
  amount: number | null,
  ms = 0,
  label: string | null = null,
): { readonly eventTime: string; readonly [name: string]: unknown } {
  return { sku, amount, label, eventTime: at(ms) };
}

/** A directory for a test, and what removes it. */
export async function emptyDirectory(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'vivace-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** What the price of some keys was at some times, as a training set has it: in the order of the requests, which are at different times. */
export async function asOfRequests(
  server: ServerOf,
  directory: string,
  requests: readonly { readonly sku: string; readonly at: string }[],
): Promise<readonly LogRow[]> {
  await writeFile(
    join(directory, 'spine.csv'),
    ['sku,at', ...requests.map(({ sku, at }) => `${sku},${at}`)].join('\n'),
  );
  const file = join(directory, 'set.parquet');
  const options = { pipeline: 'quote', spine: { table: 'spine.csv', time: 'at', request: { at: 'at' } } };
  await buildTrainingSet(server, file, options, callContext());
  const lake = server.part(warehouse, 'lake');
  const { from, columns } = await lake.source(file, [], callContext());
  const statement = { sql: `SELECT * FROM ${from} ORDER BY time`, fields: carriedFields(columns) };
  return rowsOf(lake.query(statement, callContext()));
}
