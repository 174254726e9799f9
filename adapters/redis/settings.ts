import type { RedisClientOptions } from 'redis';
import { type PartContext } from 'vivace';
import { readTls } from 'vivace/kit';
import type { RedisOptions } from './options.js';

export interface Node {
  readonly host: string;
  readonly port: number;
}

/** The options as the SDK takes them. */
export interface Settings {
  readonly nodes: readonly Node[];
  readonly kind: 'single' | 'cluster' | 'sentinel';
  readonly sentinel: RedisOptions['sentinel'];
  /** `host:port` of every node, for messages. */
  readonly address: string;
  /** What every connection to a data server has in common. */
  readonly client: Omit<RedisClientOptions, 'socket' | 'url'>;
  /** What every socket has in common, those to sentinels too. */
  readonly socket: NonNullable<RedisClientOptions['socket']>;
}

const defaultPort = 6379;

/**
 * @param given.connected Whether there has been a connection: a first attempt that fails is not repeated.
 */
export async function settingsOf(
  options: RedisOptions,
  context: PartContext,
  given: { readonly connected: () => boolean },
): Promise<Settings> {
  const { cluster, sentinel } = options;
  const url = new URL(options.url ?? `redis://127.0.0.1:${defaultPort}`);
  const tls = await readTls(options, context.directory);
  const secure =
    options.tls ?? (url.protocol === 'rediss:' || Object.values(tls).some((text) => text !== undefined));
  const nodes = (cluster ?? sentinel?.nodes ?? [url.host]).map(nodeOf);
  const username = options.username ?? textOf(url.username);
  const password = options.password ?? textOf(url.password);
  const database = options.database ?? Number(url.pathname.slice(1));
  return {
    nodes,
    kind: cluster !== undefined ? 'cluster' : sentinel !== undefined ? 'sentinel' : 'single',
    sentinel,
    address: nodes.map(({ host, port }) => `${host}:${port}`).join(', '),
    client: {
      // Printable ASCII without spaces is all that CLIENT SETNAME takes.
      name: `vivace/${context.name.replace(/[^!-~]/g, '-')}`,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(database === 0 ? {} : { database }),
      disableOfflineQueue: true,
      ...(cluster === undefined ? {} : { commandsQueueMaxLength: options.maxQueuedCommands ?? 100_000 }),
      pingInterval: Math.ceil(options.silenceMs / 3),
    },
    socket: {
      ...(secure ? { tls: true, ...tls } : {}),
      connectTimeout: options.connectTimeoutMs,
      socketTimeout: options.silenceMs,
      reconnectStrategy: (retries: number) =>
        given.connected() ? pause(retries, options.reconnectMaxMs) : false,
    },
  };
}

/** None before the first attempt, then doubling from 50 ms, half of it random: so that clients do not come back all at once. */
export function pause(retries: number, mostMs: number): number {
  if (retries === 0) return 0;
  const ms = Math.min(50 * 2 ** (retries - 1), mostMs);
  return ms / 2 + (Math.random() * ms) / 2;
}

function nodeOf(text: string): Node {
  const { hostname, port } = new URL(`redis://${text}`);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? defaultPort : Number(port) };
}

/** A part of a URL, decoded; `undefined` where it is empty. */
function textOf(encoded: string): string | undefined {
  return encoded === '' ? undefined : decodeURIComponent(encoded);
}
