import { pluginPort } from './port.js';
import { type CallContext, type MaybePromise } from '../kernel/call.js';

export interface CacheOptions {
  readonly ttlMs: number;
}

/** Remembers what was computed, once for all who ask at the same time. */
export interface Cache {
  /**
   * Answers each key from the cache, or from `load`, which gets the indexes of the keys that are not there. Of concurrent calls one
   * loads a key and the others wait for it, each until its own signal aborts: what is shared, time and failures follow `SharedWork`.
   * A value that `load` gives as `undefined` is answered, not kept. A cache that fails is passed by.
   *
   * @param load Gets a context of its own, which outlives its caller while others wait for the same keys; it must pass that on.
   * @returns N values in the order of `keys`, not to be changed, and how many came from the cache.
   * @throws {PartialFailure} where some keys could not be loaded (`load` threw one), any other error where none could.
   */
  through(
    keys: readonly string[],
    load: (
      missing: readonly number[],
      context: CallContext,
    ) => MaybePromise<readonly (Uint8Array | undefined)[]>,
    options: CacheOptions,
    context: CallContext,
  ): Promise<{ readonly values: readonly (Uint8Array | undefined)[]; readonly hits: number }>;
}

export const cache = pluginPort<Cache>('cache', { through: {} });
