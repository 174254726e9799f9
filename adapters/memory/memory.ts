import { blobStore, cacheStore, defineAdapter, httpServer, keyValueStore, predictorRuntime } from 'vivace';
import { z } from 'zod';
import { Blobs } from './blobs.js';
import { CacheEntries } from './cache-entries.js';
import { InProcessServer } from './http.js';
import { KeyValues } from './key-values.js';
import { FunctionRuntime, predictorOptions } from './predictors.js';

const bytes = z.int().positive();

/** Stores, an HTTP server without a socket and models that are functions, in memory, for tests and first steps: nothing outlives the process. */
export const memory = defineAdapter({
  provides: [keyValueStore, blobStore, cacheStore, httpServer, predictorRuntime],
  name: 'memory',
  options: z.strictObject({
    bodyLimitBytes: bytes.default(8_388_608).describe('HTTP: largest body as sent, bytes; default 8 MiB'),
    decompressedLimitBytes: bytes
      .default(8_388_608)
      .describe('HTTP: largest body after decompression, bytes; default 8 MiB'),
    ...predictorOptions,
  }),
  create: ({ predict, hosts, ...limits }, _uses, context) => ({
    faces: [
      new KeyValues(),
      new Blobs(),
      new CacheEntries(context.clock),
      new InProcessServer(limits, context),
      new FunctionRuntime(predict, hosts),
    ] as const,
  }),
});
