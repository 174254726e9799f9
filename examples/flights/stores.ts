import type { PartDeclaration } from 'vivace';

const { env } = process;

/** What may stand in the place of the part `hot` of vivace.yaml: the one line that differs between online stores. */
export const stores = {
  lmdb: { use: 'lmdb', path: './data/online' },
  redis: { use: 'redis', url: env['REDIS_URL'] ?? 'redis://127.0.0.1:6379' },
  couchbase: {
    use: 'couchbase',
    url: env['COUCHBASE_URL'] ?? 'couchbase://127.0.0.1',
    bucket: env['COUCHBASE_BUCKET'] ?? 'default',
    username: env['COUCHBASE_USERNAME'] ?? 'Administrator',
    password: env['COUCHBASE_PASSWORD'] ?? 'password',
  },
} as const satisfies Readonly<Record<string, PartDeclaration>>;

export type StoreName = keyof typeof stores;
