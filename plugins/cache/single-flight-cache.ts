import {
  asVivaceError,
  isPartialFailure,
  PartialFailure,
  SharedWork,
  textKey,
  valuesUnless,
  type Cache,
  type CacheEntry,
  type CacheOptions,
  type CacheStore,
  type CallContext,
  type Counter,
  type FailedKey,
  type LoadKeys,
  type PartContext,
  type TextKey,
} from 'vivace';

type Load = Parameters<Cache['through']>[1];

/** The value of one key, and whether the store held it. */
interface Found {
  readonly value: Uint8Array | undefined;
  readonly hit: boolean;
}

/** A `Cache` over a cache store. Of concurrent callers, the first to ask for a key looks it up and loads it for all. */
export class SingleFlightCache implements Cache {
  readonly #store: CacheStore;
  readonly #context: PartContext;
  readonly #warnEveryMs: number;
  readonly #errors: Counter;
  readonly #flights = new SharedWork<Found>();
  #quietUntil = -Infinity;

  constructor(store: CacheStore, context: PartContext, warnEveryMs: number) {
    this.#store = store;
    this.#context = context;
    this.#warnEveryMs = warnEveryMs;
    this.#errors = context.counter('cache.errors', {
      unit: '{call}',
      description: 'Calls to a cache store that failed and were bypassed',
    });
  }

  async through(
    keys: readonly string[],
    load: Load,
    options: CacheOptions,
    context: CallContext,
  ): Promise<{ readonly values: readonly (Uint8Array | undefined)[]; readonly hits: number }> {
    const find: LoadKeys<Found> = async (own, shared) => {
      const kept = await this.#lookUp(own, shared);
      const found = own.map((_, place): Found => ({ value: kept[place], hit: kept[place] !== undefined }));
      const missing = [...own.keys()].filter((place) => !found[place]!.hit);
      if (missing.length === 0) return found;
      const indexOf = new Map<TextKey, number>(keys.map((key, index) => [textKey(key), index]));
      const indexes = missing.map((place) => indexOf.get(textKey(own[place]!))!);
      const { values, failures } = await loaded(missing, () => load(indexes, shared));
      missing.forEach((place, i) => (found[place] = { value: values[i], hit: false }));
      const failed = new Set<number>(failures.map(({ index }) => index));
      this.#keep(
        missing.flatMap((place): CacheEntry[] => {
          const { value } = found[place]!;
          return value === undefined || failed.has(place)
            ? []
            : [{ key: own[place]!, value, ttlMs: options.ttlMs }];
        }),
        shared,
      );
      return valuesUnless(failures, found);
    };
    try {
      const found = await this.#flights.get(keys, find, context);
      return { values: valuesOf(found), hits: found.filter(({ hit }) => hit).length };
    } catch (error) {
      if (!isPartialFailure(error)) throw error;
      throw new PartialFailure(valuesOf(error.values as readonly (Found | undefined)[]), error.failures);
    }
  }

  async #lookUp(keys: readonly string[], context: CallContext): Promise<readonly (Uint8Array | undefined)[]> {
    try {
      return await this.#store.getMany(keys, context);
    } catch (error) {
      if (isPartialFailure(error)) {
        this.#passBy(error, 'get');
        return error.values as readonly (Uint8Array | undefined)[];
      }
      if (!context.signal.aborted) this.#passBy(error, 'get');
      return [];
    }
  }

  /** In the background: nobody waits for a cache to be written. */
  #keep(entries: readonly CacheEntry[], from: CallContext): void {
    if (entries.length === 0) return;
    const write = async (context: CallContext): Promise<void> => {
      try {
        await this.#store.setMany(entries, context);
      } catch (error) {
        if (!context.signal.aborted) this.#passBy(error, 'set');
      }
    };
    try {
      this.#context.run(write, from);
    } catch {
      // The part is stopping: the callers that remain get their answers, and nothing is kept.
    }
  }

  #passBy(error: unknown, operation: 'get' | 'set'): void {
    this.#errors.add(1, { 'vivace.operation': operation });
    const now = this.#context.clock.monotonic();
    if (now < this.#quietUntil) return;
    this.#quietUntil = now + this.#warnEveryMs;
    this.#context.log.warn('the cache store fails and is bypassed', { error, operation });
  }
}

/** What a load gave for the keys at some places, and which of them failed. */
async function loaded(
  places: readonly number[],
  load: () => ReturnType<Load>,
): Promise<{
  readonly values: readonly (Uint8Array | undefined)[];
  readonly failures: readonly FailedKey[];
}> {
  try {
    return { values: await load(), failures: [] };
  } catch (thrown) {
    const error = asVivaceError(thrown);
    return isPartialFailure(error)
      ? {
          values: error.values as readonly (Uint8Array | undefined)[],
          failures: error.failures.map((failure) => ({ ...failure, index: places[failure.index]! })),
        }
      : { values: [], failures: places.map((index) => ({ index, error })) };
  }
}

function valuesOf(found: readonly (Found | undefined)[]): readonly (Uint8Array | undefined)[] {
  return found.map((one) => one?.value);
}
