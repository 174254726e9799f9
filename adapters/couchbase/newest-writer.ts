import { Buffer } from 'node:buffer';
import type { Cas, Collection, DurabilityLevel } from 'couchbase';
import {
  abortError,
  asVivaceError,
  textKey,
  untilAborted,
  valuesUnless,
  type CallContext,
  type FailedKey,
  type KeyValueEntry,
  type TextKey,
  type VivaceError,
} from 'vivace';
import { failureOf, isNamed } from './errors.js';
import { limit } from './limit.js';
import { transcoder } from './transcoder.js';
import { inWindow } from './window.js';

export interface WriterSettings {
  /** `bucket.scope.collection`, for messages. */
  readonly keyspace: string;
  readonly timeoutMs: number;
  readonly mostInFlight: number;
  readonly durabilityLevel: DurabilityLevel;
  /** Seconds; 0 for never. */
  readonly expiry: number;
  /** The document of a key. */
  readonly nameOf: (key: string) => string;
}

/** Writes to one collection by compare-and-swap. */
export class NewestWriter {
  readonly #collection: Collection;
  readonly #settings: WriterSettings;

  constructor(collection: Collection, settings: WriterSettings) {
    this.#collection = collection;
    this.#settings = settings;
  }

  /** Does what `KeyValueStore.putNewest` promises. */
  async putNewest(entries: readonly KeyValueEntry[], context: CallContext): Promise<readonly boolean[]> {
    const greatest = greatestOfEach(entries);
    const keys = [...greatest.keys()];
    const outcomes = new Map<TextKey, boolean | VivaceError>();
    let outage: VivaceError | undefined;
    const writing = inWindow(keys.length, this.#settings.mostInFlight, {
      // Entries that come after an outage would only wait for the next time-out.
      stopped: () => outage !== undefined || context.signal.aborted,
      begin: (place, done) => {
        const key = keys[place] as TextKey;
        this.#putNewest(entries[greatest.get(key) as number] as KeyValueEntry, context)
          .then(
            (written) => outcomes.set(key, written),
            (error: unknown) => {
              const failure = asVivaceError(error);
              outcomes.set(key, failure);
              if (failure.code !== 'INVALID_ARGUMENT') outage = failure;
            },
          )
          .finally(done);
      },
    });
    await untilAborted(writing, context.signal);
    const failures: FailedKey[] = [];
    const written = entries.map(({ key }, index) => {
      const outcome = outcomes.get(textKey(key)) ?? outage ?? false;
      if (typeof outcome === 'boolean') return outcome && greatest.get(textKey(key)) === index;
      failures.push({ index, error: outcome });
      return false;
    });
    return valuesUnless(failures, written);
  }

  /** Reads, and replaces what was read, until nobody wrote in between. */
  async #putNewest({ key, value }: KeyValueEntry, context: CallContext): Promise<boolean> {
    const { keyspace, timeoutMs, durabilityLevel, expiry, nameOf } = this.#settings;
    const options = { transcoder, durabilityLevel, expiry };
    const name = nameOf(key);
    for (;;) {
      if (context.signal.aborted) throw abortError(context.signal);
      const { timeout, timeoutCode } = limit(context, timeoutMs);
      try {
        const stored = await this.#stored(name, timeout);
        if (stored === undefined) {
          await this.#collection.insert(name, value, { ...options, timeout });
        } else {
          const order = Buffer.compare(stored.content, value);
          // A row that is materialized again without a change must not expire meanwhile.
          if (order === 0 && expiry > 0) await this.#collection.touch(name, expiry, { timeout });
          if (order >= 0) return false;
          await this.#collection.replace(name, value, { ...options, cas: stored.cas, timeout });
        }
        return true;
      } catch (error) {
        if (!wasOvertaken(error)) throw failureOf(error, { keyspace, timeoutCode });
      }
    }
  }

  /** The document of that name, or `undefined` where there is none. */
  async #stored(name: string, timeout: number): Promise<{ content: Buffer; cas: Cas } | undefined> {
    try {
      return await this.#collection.get(name, { timeout, transcoder });
    } catch (error) {
      if (isNamed(error, 'DocumentNotFoundError')) return undefined;
      throw error;
    }
  }
}

/** For each key the place of its greatest entry, the first of equal ones. */
function greatestOfEach(entries: readonly KeyValueEntry[]): Map<TextKey, number> {
  const places = new Map<TextKey, number>();
  entries.forEach(({ key: text, value }, index) => {
    const key = textKey(text);
    const place = places.get(key);
    if (place === undefined || Buffer.compare(value, (entries[place] as KeyValueEntry).value) > 0)
      places.set(key, index);
  });
  return places;
}

/** Somebody wrote, or deleted, between the read and the write. */
function wasOvertaken(error: unknown): boolean {
  return ['CasMismatchError', 'DocumentExistsError', 'DocumentNotFoundError'].some((name) =>
    isNamed(error, name),
  );
}
