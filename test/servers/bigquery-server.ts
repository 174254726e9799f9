import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpProxy, type CannedAnswer, type SeenRequest } from './http-proxy.js';
import { pathOf, vendor, vendored, type Found } from './programs.js';
import { eventually, freePort, ServerProcess } from './server-process.js';

const emulator = vendored('bqemulator/bin/bqemulator');
const { BIGQUERY_DATASET: dataset, GOOGLE_CLOUD_PROJECT: named } = process.env;
const project = dataset === undefined ? undefined : named;

/** What the tests of `bigquery` need: the emulator, or a real GOOGLE_CLOUD_PROJECT and BIGQUERY_DATASET. */
export const bigqueryServer: Found = project === undefined ? emulator : { path: project };
/** What those need that look at, or interfere with, what passes between client and server. */
export const bigqueryEmulator: Found =
  project === undefined ? emulator : { missing: 'a real project is tested, and this is about the emulator' };

/** Options of a part over a server, and what else is known of it. */
export interface BigqueryServer {
  /** Options of a part, of the dataset `vivace_test`. */
  readonly options: object;
  /** Between the part and the emulator; none before a real project. */
  readonly proxy: HttpProxy | undefined;
  readonly process: ServerProcess | undefined;
  /** The emulator itself, past the proxy. */
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts the emulator with an empty dataset `vivace_test`, or connects to the real project. */
export async function startBigquery(): Promise<BigqueryServer> {
  if (project !== undefined) {
    return {
      options: { projectId: project, dataset, tiles: dataset },
      proxy: undefined,
      process: undefined,
      port: 0,
      stop: async () => undefined,
    };
  }
  const directory = mkdtempSync(join(tmpdir(), 'vivace-bigquery-'));
  const [port, grpcPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}/bigquery/v2/projects/test/datasets`;
  const server = await ServerProcess.start({
    path: pathOf(emulator),
    args: ['start', '--rest-port', `${port}`, '--grpc-port', `${grpcPort}`, '--project', 'test',
      '--log-level', 'error', '--persistent', '--data-dir', directory], // prettier-ignore
    env: { HOME: join(vendor, 'bqemulator') },
    ready: () =>
      eventually(async () => {
        if (!(await fetch(url)).ok) throw new Error('the emulator does not answer');
      }),
  });
  await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ datasetReference: { projectId: 'test', datasetId: 'vivace_test' } }),
  });
  const proxy = await HttpProxy.start(port);
  proxy.intercept = endlessQuery;
  return {
    options: optionsAt(proxy.port),
    proxy,
    process: server,
    port,
    async stop() {
      await proxy.stop();
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Options of a part whose API is at a port of this machine. */
export function optionsAt(port: number): object {
  return {
    projectId: 'test',
    dataset: 'vivace_test',
    anonymous: true,
    endpoint: `http://127.0.0.1:${port}`,
  };
}

const endless = /vivace_endless_|SUM\(a\.n \* b\.n\)/;
const running = new Set<string>();

/**
 * The emulator answers nobody while a query runs, and knows no cancelling: queries that never end are answered for it, as BigQuery
 * does.
 */
export function endlessQuery({ method, url, body }: SeenRequest): CannedAnswer | undefined {
  const id = /\/(?:queries|jobs)\/(vivace_[-0-9a-f]+)/.exec(url)?.[1];
  if (method === 'POST' && url.includes('/jobs?') && endless.test(body.toString())) {
    const { jobReference } = JSON.parse(body.toString()) as { jobReference: { jobId: string } };
    running.add(jobReference.jobId);
    return json({ jobReference: { ...jobReference, location: 'US' }, status: { state: 'RUNNING' } });
  }
  if (id === undefined || !running.has(id)) return undefined;
  return method === 'POST' ? json({}) : json({ jobComplete: false, jobReference: { jobId: id } });
}

/** An answer in JSON. */
export function json(body: object, status = 200): CannedAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

/** An error, as the API words it. */
export function apiError(status: number, reason: string, message: string): CannedAnswer {
  return json({ error: { code: status, message, errors: [{ reason, message, domain: 'global' }] } }, status);
}

/** The statements that the proxy has seen. */
export function statementsSeen(proxy: HttpProxy): string[] {
  return proxy.seen.flatMap(({ method, url, body }) => {
    if (method !== 'POST' || !url.includes('/jobs?') || url.startsWith('/upload')) return [];
    const { configuration } = JSON.parse(body.toString()) as {
      configuration: { query?: { query: string } };
    };
    return configuration.query === undefined ? [] : [configuration.query.query];
  });
}
