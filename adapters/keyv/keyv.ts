import type { Keyv } from 'keyv';
import { cacheStore, defineAdapter } from 'vivace';
import { z } from 'zod';
import { KeyvCache } from './cache.js';

const options = z.strictObject({
  maxEntries: z
    .int()
    .positive()
    .default(100_000)
    .describe('Most entries kept in memory; beyond that, the least recently used go first; default 100,000.'),
  client: z
    .custom<Keyv>((value) => typeof (value as Partial<Keyv> | undefined)?.getMany === 'function')
    .optional()
    .describe('In code: a Keyv of your own with its store, instead of memory. It is not disconnected.'),
});

/** A `CacheStore` over Keyv: in the process's memory, or in whatever store your own Keyv has. */
export const keyv = defineAdapter({
  provides: cacheStore,
  name: 'keyv',
  sdk: { keyv: { min: '5.6.0' } },
  options,
  create: ({ maxEntries, client }) => new KeyvCache(maxEntries, client),
});
