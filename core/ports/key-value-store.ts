import { adapterPort } from './port.js';
import { type CallContext, type MaybePromise } from '../kernel/call.js';

export interface KeyValueEntry {
  /** At most 250 bytes of UTF-8. */
  readonly key: string;
  readonly value: Uint8Array;
}

/** A store of small binary values by key, on which online stores are built. It compares bytes, and knows nothing else about them. */
export interface KeyValueStore {
  readonly supports: {
    /** The most keys or entries that one call takes. */
    readonly maxBatch: number;
    /** Reads answer at once from memory or a mapped file, so joining them gains nothing. */
    readonly synchronous?: boolean;
    /**
     * Reads of more keys than this are not joined with others: for a store that reads a key in less time than it takes to find out
     * whether another call has asked for it. Default: all are joined.
     */
    readonly maxJoined?: number;
    /** What is stored ends with the process, so no other process ever reads it. */
    readonly volatile?: boolean;
    /** A value is gone this long after it was written last, milliseconds; absent where values stay. */
    readonly expiresAfterMs?: number;
  };

  /**
   * Reads the latest value of each key, in one round trip where the store allows it.
   *
   * Core guarantees 1 ≤ N ≤ `supports.maxBatch` keys.
   *
   * @param keys N keys, UTF-8, at most 250 bytes each; a key may be asked for twice, and is then
   *   answered with two arrays.
   * @returns N values in the order of `keys`, `undefined` where the key does not exist. The store keeps no
   *   reference to the bytes. Callers whose reads core has joined share them: they are read, not changed.
   * @throws {PartialFailure} where some keys could not be read; any other error where none could.
   */
  getMany(keys: readonly string[], context: CallContext): MaybePromise<readonly (Uint8Array | undefined)[]>;

  /**
   * Writes each entry unless the stored value compares bytewise greater than or equal to it, atomically per key; so the order of
   * writes never matters. Of several entries with one key the greatest wins.
   *
   * @returns For each entry, whether it was written. Durable as far as the store's own settings promise it.
   */
  putNewest(entries: readonly KeyValueEntry[], context: CallContext): MaybePromise<readonly boolean[]>;

  /**
   * Removes every entry whose key begins with `prefix`; absent where the store cannot find them. Entries that are written meanwhile may stay,
   * and so may others where it fails: to repeat it is safe.
   *
   * @param prefix Not empty.
   * @returns How many entries were removed.
   */
  dropPrefix?(prefix: string, context: CallContext): MaybePromise<number>;

  /** What of the backend's own settings may lose entries, in sentences; `vivace check --connect` prints them. */
  advise?(context: CallContext): MaybePromise<readonly string[]>;
}

export const keyValueStore = adapterPort<KeyValueStore>(
  'key-value-store',
  {
    getMany: { batch: true, coalesce: true, breaker: true },
    putNewest: { batch: true, breaker: true },
    dropPrefix: {},
    advise: {},
  },
  (store, context) => store.getMany(['vivace-check'], context),
);
