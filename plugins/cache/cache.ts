import { cache as cachePort, cacheStore, definePlugin, milliseconds } from 'vivace';
import { z } from 'zod';
import { SingleFlightCache } from './single-flight-cache.js';

const options = z.strictObject({
  warnEveryMs: milliseconds({ min: 0 })
    .default(60_000)
    .describe(
      'A store that keeps failing is logged at most once in this time, milliseconds; default one minute.',
    ),
});

/** Keeps computed values in any cache store. Concurrent callers compute a key once; a store that fails is bypassed. */
export const cache = definePlugin({
  provides: cachePort,
  name: 'cache',
  options,
  uses: { store: cacheStore },
  create: ({ warnEveryMs }, { store }, context) => new SingleFlightCache(store, context, warnEveryMs),
});
