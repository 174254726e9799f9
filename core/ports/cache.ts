import { pluginPort } from './port.js';
import { type CallContext, type MaybePromise } from '../kernel/call.js';

export interface CacheOptions {
  readonly ttlMs: number;
}

/** Remembers computed values; concurrent callers for the same key share one computation. */
export interface Cache {
  /**
   * Answers each key from the cache, or from `load`, which gets the indexes of the keys that are not there. Of concurrent calls one loads a
   * key and the others wait for it, each until its own signal aborts; sharing, deadlines and failures follow `SharedWork`. Where `load`
   * gives `undefined`, that is the answer, and it is not kept. Where the cache itself fails, it is bypassed.
   *
   * @param load Gets a context of its own, which outlives its caller while others wait for the same keys; it must pass that context on.
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
