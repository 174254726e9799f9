import { longMilliseconds, milliseconds, secret } from 'vivace';
import { tlsFiles } from 'vivace/kit';
import { z } from 'zod';

const node = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^:/@\s]+):\d{1,5}$/, 'a node is written host:port')
  .describe('host:port');

const shape = z.strictObject({
  url: z
    .string()
    .refine(isRedisUrl, 'is written redis://[user[:password]@]host[:port][/database], or rediss:// for TLS')
    .optional()
    .describe(
      'Address of a single server: `redis://[user[:password]@]host[:port][/database]`, `rediss://` for TLS; default `redis://127.0.0.1:6379`',
    ),
  cluster: z
    .array(node)
    .min(1)
    .optional()
    .describe('Some nodes of a cluster, each `host:port`; the others are found through them'),
  sentinel: z
    .strictObject({
      name: z.string().min(1).describe('Name of the master, as the sentinels monitor it'),
      nodes: z.array(node).min(1).describe('Some of the sentinels, each `host:port`'),
      username: z.string().min(1).optional().describe('User of the sentinels themselves'),
      password: secret().optional().describe('Password of the sentinels themselves; default none'),
    })
    .optional()
    .describe('Finds the master through sentinels, and follows it: `{ name, nodes, username, password }`'),
  username: z.string().min(1).optional().describe('ACL user; default that of the URL, or `default`'),
  password: secret().optional().describe('Password; default that of the URL, or none'),
  database: z
    .int()
    .nonnegative()
    .optional()
    .describe('Number of the database; a cluster has 0 only; default that of the URL, or 0'),
  tls: z
    .boolean()
    .optional()
    .describe('Speaks TLS; default true with `rediss://` or any of the three files below'),
  ...tlsFiles,
  prefix: z
    .string()
    .max(100)
    .default('vivace:')
    .describe(
      'Prefix of every key, so that deployments may share a server; keys of the cache begin with it and `cache:`',
    ),
  ttlMs: longMilliseconds()
    .optional()
    .describe(
      'Time after which a row of the key-value store is gone, counted from the last time it was written or found unchanged, milliseconds; default never',
    ),
  connectTimeoutMs: milliseconds()
    .default(2_000)
    .describe('Time for one attempt to connect, milliseconds; default 2 s'),
  silenceMs: milliseconds({ min: 100 })
    .default(5_000)
    .describe(
      'How long a connection may stay silent while commands or a ping wait for an answer, before it is closed and made anew, milliseconds; default 5 s',
    ),
  reconnectMaxMs: milliseconds()
    .default(2_000)
    .describe(
      'Longest pause between attempts to connect again, milliseconds; the first is at once; default 2 s',
    ),
  maxQueuedCommands: z
    .int()
    .positive()
    .optional()
    .describe(
      'Commands that may wait for one server; more are refused. A command is for up to 1,000 keys, in a cluster for one; default 2,000, in a cluster 100,000',
    ),
});

export const options = shape
  .refine(({ url, cluster, sentinel }) => count(url, cluster, sentinel) <= 1, {
    path: ['url'],
    message: 'give one of `url`, `cluster` and `sentinel`',
  })
  .refine(({ cluster, database = 0 }) => cluster === undefined || database === 0, {
    path: ['database'],
    message: 'a cluster has database 0 only; tell deployments apart by `prefix`',
  });

export type RedisOptions = z.output<typeof options>;

function count(...given: readonly unknown[]): number {
  return given.filter((one) => one !== undefined).length;
}

function isRedisUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, pathname, username, password } = new URL(text);
  return (
    /^rediss?:$/.test(protocol) &&
    hostname !== '' &&
    /^(\/\d*)?$/.test(pathname) &&
    [username, password].every(isEncoded)
  );
}

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
