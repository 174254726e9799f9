import { z } from 'zod';
import { longMilliseconds } from '../../config/duration.js';

/** A cache around one step. */
export const cacheSpec = z.strictObject({
  in: z.string().describe('a cache part'),
  ttlMs: longMilliseconds().describe('time to live, milliseconds'),
});

export type CacheSpec = z.output<typeof cacheSpec>;

/** How a cached node is drawn and described. */
export function cacheSummary(cache: CacheSpec | undefined): {
  readonly facts: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
} {
  return cache === undefined
    ? { facts: {}, notes: [] }
    : { facts: { cache: cache.in }, notes: [`cached in ${cache.in} for ${cache.ttlMs} ms`] };
}
