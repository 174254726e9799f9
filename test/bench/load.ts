import type { Usage } from './child.js';
import { HttpClient } from './http-client.js';
import { median, type Sample } from './measure.js';
import { openLoop } from './open-loop.js';

/** A server under load, in a process of its own. */
export interface Target {
  readonly child: { usage(): Promise<Usage> };
  readonly url: string;
  readonly requests: readonly Buffer[];
}

export interface LoadSample extends Sample {
  /** Median time from sending a request to having its answer. */
  readonly latencyMs: number;
  readonly perSecond: number;
  /** CPU time of the server's whole process per request. */
  readonly cpuMicros: number;
}

/** Sends `count` requests from `clients` connections, each sending its next when it has its answer. */
export async function load(
  { child, url, requests }: Target,
  { clients, count }: { clients: number; count: number },
): Promise<LoadSample> {
  const connections = await Promise.all(Array.from({ length: clients }, async () => HttpClient.open(url)));
  const latencies: number[] = [];
  let sent = 0;
  const before = await child.usage();
  const from = performance.now();
  await Promise.all(
    connections.map(async (connection) => {
      while (sent < count) {
        const request = requests[sent++ % requests.length] as Buffer;
        const since = performance.now();
        await connection.send(request);
        latencies.push(performance.now() - since);
      }
    }),
  );
  const seconds = (performance.now() - from) / 1000;
  const after = await child.usage();
  for (const connection of connections) connection.close();
  return {
    latencyMs: median(latencies),
    perSecond: count / seconds,
    cpuMicros: (after.cpuMicros - before.cpuMicros) / count,
  };
}

/**
 * Sends requests at a given rate whether or not earlier ones have been answered, each on a connection that is free, or on one more.
 *
 * @returns How long each took from the moment it was due, milliseconds.
 */
export async function openLoad({ url, requests }: Target, perSecond: number): Promise<number[]> {
  const free: HttpClient[] = [];
  const open: HttpClient[] = [];
  const times = await openLoop(async (index) => {
    let connection = free.pop();
    if (connection === undefined) open.push((connection = await HttpClient.open(url)));
    await connection.send(requests[index % requests.length] as Buffer);
    free.push(connection);
  }, perSecond);
  for (const connection of open) connection.close();
  return times;
}
