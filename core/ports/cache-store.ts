import { adapterPort } from './port.js';
import { type CallContext, type MaybePromise } from '../kernel/call.js';

export interface CacheEntry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Milliseconds from now until the entry is gone. */
  readonly ttlMs: number;
}

/**
 * Bytes that may be forgotten at any time, and are forgotten once their time to live has passed. A failed read throws; it is not a miss.
 */
export interface CacheStore {
  readonly supports: { readonly maxBatch: number };
  /** @returns N values in the order of `keys`; `undefined` where there is none or it has expired. */
  getMany(keys: readonly string[], context: CallContext): MaybePromise<readonly (Uint8Array | undefined)[]>;
  setMany(entries: readonly CacheEntry[], context: CallContext): MaybePromise<void>;
}

export const cacheStore = adapterPort<CacheStore>(
  'cache-store',
  {
    getMany: { batch: true, breaker: true },
    setMany: { batch: true, merge: 'none', breaker: true },
  },
  (store, context) => store.getMany(['vivace-check'], context),
);
