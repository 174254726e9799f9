import {
  cellAt,
  columnOf,
  parseType,
  warehouse,
  type Cell,
  type Field,
  type RowBatch,
  type Statement,
  type Warehouse,
} from 'vivace';
import { bigquery } from 'vivace/adapters/bigquery';
import { callContext, startPart } from 'vivace/testing';
import { endlessQuery, json, startBigquery, type BigqueryServer } from '../servers/bigquery-server.js';
import type { CannedAnswer, HttpProxy, SeenRequest } from '../servers/http-proxy.js';

type RunningPart = Awaited<ReturnType<typeof startPart>>;

/** A job, as the adapter asks for it. */
export interface JobBody {
  readonly jobReference: { readonly jobId: string; readonly location?: string };
  readonly configuration: {
    readonly labels?: object;
    readonly dryRun?: boolean;
    readonly query?: Readonly<Record<string, unknown>>;
    readonly load?: object;
  };
}

/** A warehouse over the emulator, and what has passed between them in this test. */
export interface BigqueryFixture {
  readonly server: BigqueryServer;
  readonly proxy: HttpProxy;
  readonly lake: Warehouse;
  /** Parts that are stopped after the test. */
  readonly opened: RunningPart[];
  /** Starts one more part, with `options` beside those of the server; it is stopped after the test. */
  readonly open: (options: object) => Promise<Warehouse>;
  /** What a query answers. */
  readonly all: (
    statement: Statement,
    from?: Warehouse,
  ) => Promise<{ fields: readonly Field[]; rows: Cell[][] }>;
  /** The jobs that have been asked for. */
  readonly jobs: () => JobBody[];
  /** The requests of a method whose URL includes `part`. */
  readonly asked: (method: string, part: string) => SeenRequest[];
}

/** Starts them before the tests of the suite that is being described, and stops them after. */
export function bigqueryFixture(): BigqueryFixture {
  let server: BigqueryServer;
  let proxy: HttpProxy;
  let part: RunningPart;
  let lake: Warehouse;
  const opened: RunningPart[] = [];
  before(async () => {
    server = await startBigquery();
    proxy = server.proxy!;
    part = await startPart(bigquery, server.options);
    lake = part.face(warehouse);
  });
  beforeEach(() => void (proxy.seen.length = 0));
  afterEach(async () => {
    proxy.intercept = endlessQuery;
    for (const each of opened.splice(0)) await each.stop();
  });
  after(async () => {
    await part.stop();
    await server.stop();
  });

  const open = async (options: object): Promise<Warehouse> => {
    const started = await startPart(bigquery, { ...server.options, ...options });
    opened.push(started);
    return started.face(warehouse);
  };
  const all = async (
    statement: Statement,
    from = lake,
  ): Promise<{ fields: readonly Field[]; rows: Cell[][] }> => {
    let fields: readonly Field[] = [];
    const rows: Cell[][] = [];
    for await (const batch of from.query(statement, callContext(30_000))) {
      fields = batch.fields;
      for (let row = 0; row < batch.rows; row++)
        rows.push(batch.columns.map((column) => cellAt(column, row)));
    }
    return { fields, rows };
  };
  const jobs = (): JobBody[] =>
    proxy.seen.flatMap(({ method, url, body }) =>
      method === 'POST' && url.startsWith('/bigquery/v2') && url.includes('/jobs?')
        ? [JSON.parse(body.toString()) as JobBody]
        : [],
    );
  const asked = (method: string, part: string): SeenRequest[] =>
    proxy.seen.filter((request) => request.method === method && request.url.includes(part));

  return {
    get server() {
      return server;
    },
    get proxy() {
      return proxy;
    },
    get lake() {
      return lake;
    },
    opened,
    open,
    all,
    jobs,
    asked,
  };
}

/** Answers every job with `results`, as `intercept` of the proxy. */
export function canned(results: object): (asked: SeenRequest) => CannedAnswer | undefined {
  return ({ method, url }) =>
    method === 'GET' && url.includes('/queries/')
      ? json(results)
      : method === 'POST' && url.includes('/jobs?')
        ? json({ jobReference: { jobId: 'x' }, status: { state: 'RUNNING' } })
        : undefined;
}

/** A batch of the value 1, an int64. */
export function oneRow(fields: readonly Field[]): RowBatch {
  return { fields, rows: 1, columns: [columnOf(parseType('int64'), [1n])] };
}

/** Reads a query to its end. */
export async function drain(batches: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of batches);
}
