import { cacheStore, defineAdapter, keyValueStore } from 'vivace';
import { RedisCache } from './cache.js';
import { Connection } from './connection.js';
import { codeOf } from './errors.js';
import { RedisKeyValues } from './key-values.js';
import { options } from './options.js';

/** A Redis server, cluster or master behind sentinels: a `KeyValueStore` and a `CacheStore` over one connection. */
export const redis = defineAdapter({
  provides: [keyValueStore, cacheStore],
  name: 'redis',
  system: { database: 'redis' },
  sdk: { redis: { min: '6.3.0' } },
  options,
  create: (given, _uses, context) => {
    const connection = new Connection(given, context);
    return {
      faces: [
        new RedisKeyValues(connection, given.prefix, given.ttlMs),
        new RedisCache(connection, `${given.prefix}cache:`),
      ] as const,
      start: (call) => connection.start(call),
      stop: () => connection.stop(),
      errorCode: codeOf,
    };
  },
});
