import { blobStore, cacheStore, defineAdapter, keyValueStore } from 'vivace';
import { z } from 'zod';
import { Blobs } from './blobs.js';
import { CacheEntries } from './cache-entries.js';
import { KeyValues } from './key-values.js';

/** Stores in memory, for tests and first steps: nothing outlives the process. */
export const memory = defineAdapter({
  provides: [keyValueStore, blobStore, cacheStore],
  name: 'memory',
  options: z.strictObject({}),
  create: (_options, _uses, { clock }) => ({ faces: [new KeyValues(), new Blobs(), new CacheEntries(clock)] as const }),
});
