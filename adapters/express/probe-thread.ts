import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { Pulse } from 'vivace/wire';
import type { ProbeMessage, ProbeOptions } from './probes.js';

/** A heartbeat older than this is not that of a server to send requests to, milliseconds. */
const readyAfterMs = 5000;

/** The thread that answers probes: it knows of the server what stands in shared memory. */
const { port, host, stuckAfterMs } = workerData as ProbeOptions;
let pulse: Pulse | undefined;

const probes: Readonly<Record<string, () => [ok: boolean, body: object]>> = {
  '/health/live': () => {
    const { ageMs } = state();
    const live = ageMs < stuckAfterMs;
    return [live, { live, ...(live ? {} : { reason: stuck(ageMs) }) }];
  },
  '/health/ready': () => {
    const { ready: own, ageMs } = state();
    const ready = own && ageMs < readyAfterMs;
    const reason = own ? stuck(ageMs) : 'the server is not ready';
    return [ready, { ready, ...(ready ? {} : { reason }) }];
  },
  '/health/startup': () => {
    const { started } = state();
    return [started, { started }];
  },
};

function state(): ReturnType<Pulse['read']> {
  return pulse?.read() ?? { started: false, ready: false, ageMs: Infinity };
}

function stuck(ageMs: number): string {
  return ageMs === Infinity
    ? 'the server is starting'
    : `the event loop has not turned for ${Math.round(ageMs)} ms`;
}

const server = createServer(
  { headersTimeout: 5000, requestTimeout: 5000 },
  ({ method, url = '' }, response) => {
    const path = url.split('?')[0]!;
    const reads = method === 'GET' || method === 'HEAD';
    const probe = reads && Object.hasOwn(probes, path) ? probes[path] : undefined;
    const [ok, body] = probe?.() ?? [false, { message: `nothing answers ${method} ${path} here` }];
    const text = JSON.stringify(body);
    response.writeHead(probe === undefined ? 404 : ok ? 200 : 503, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'content-length': Buffer.byteLength(text),
    });
    response.end(text);
  },
);

const tell = (message: ProbeMessage): void => parentPort!.postMessage(message, []);
server.on('error', ({ message, code }: NodeJS.ErrnoException) => tell({ failed: { message, code } }));
server.listen({ port, host }, () => tell({ port: (server.address() as AddressInfo).port }));
parentPort!.on('message', (memory: SharedArrayBuffer) => (pulse = new Pulse(memory)));
