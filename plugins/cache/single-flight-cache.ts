import {
  asVivaceError,
  isPartialFailure,
  untilAborted,
  valuesUnless,
  type Cache,
  type CacheEntry,
  type CacheOptions,
  type CacheStore,
  type CallContext,
  type Counter,
  type FailedKey,
  type PartContext,
} from 'vivace';
import { isLeft, type Flight, type Landing } from './flight.js';

type Load = Parameters<Cache['through']>[1];

/** A `Cache` over a cache store. Of concurrent callers, the first to ask for a key looks it up and loads it for all. */
export class SingleFlightCache implements Cache {
  readonly #store: CacheStore;
  readonly #context: PartContext;
  readonly #warnEveryMs: number;
  readonly #errors: Counter;
  readonly #inFlight = new Map<string, Flight>();
  #quietUntil = -Infinity;

  constructor(store: CacheStore, context: PartContext, warnEveryMs: number) {
    this.#store = store;
    this.#context = context;
    this.#warnEveryMs = warnEveryMs;
    this.#errors = context.counter('cache.errors', {
      unit: '{call}',
      description: 'Calls of a cache store that failed and were passed by',
    });
  }

  async through(
    keys: readonly string[],
    load: Load,
    options: CacheOptions,
    context: CallContext,
  ): Promise<{ readonly values: readonly (Uint8Array | undefined)[]; readonly hits: number }> {
    const landed = new Map<string, Landing>();
    let wanted = new Map(keys.map((key, index) => [key, index]));
    while (wanted.size > 0) {
      const own = new Map([...wanted].filter(([key]) => !this.#inFlight.has(key)));
      const mine = own.size === 0 ? undefined : this.#depart(own, load, options, context);
      const joined = new Map([...wanted.keys()].map((key) => [key, this.#inFlight.get(key) as Flight]));
      const landings = new Map<Flight, ReadonlyMap<string, Landing>>();
      await untilAborted(
        Promise.all(
          [...new Set(joined.values())].map(async (flight) => landings.set(flight, await flight.landings)),
        ),
        context.signal,
      );
      const again = new Map<string, number>();
      for (const [key, flight] of joined) {
        const landing = landings.get(flight)?.get(key) as Landing;
        if (flight !== mine && isLeft(landing)) again.set(key, wanted.get(key) as number);
        else landed.set(key, landing);
      }
      wanted = again;
    }
    return collect(keys, landed);
  }

  /** Takes keys on for all who ask until they have landed. */
  #depart(own: ReadonlyMap<string, number>, load: Load, options: CacheOptions, context: CallContext): Flight {
    const flight: Flight = {
      landings: this.#fly(own, load, options, context).finally(() => {
        for (const key of own.keys()) this.#inFlight.delete(key);
      }),
    };
    for (const key of own.keys()) this.#inFlight.set(key, flight);
    return flight;
  }

  async #fly(
    own: ReadonlyMap<string, number>,
    load: Load,
    options: CacheOptions,
    context: CallContext,
  ): Promise<ReadonlyMap<string, Landing>> {
    const landings = new Map<string, Landing>();
    const keys = [...own.keys()];
    const kept = await this.#lookUp(keys, context);
    const missing = keys.filter((key, i) => {
      const value = kept[i];
      if (value !== undefined) landings.set(key, { value, hit: true });
      return value === undefined;
    });
    if (missing.length === 0) return landings;
    let values: readonly (Uint8Array | undefined)[] = [];
    let failed: (place: number) => unknown = () => undefined;
    try {
      values = await load(missing.map((key) => own.get(key) as number));
    } catch (error) {
      if (isPartialFailure(error)) {
        const failures = new Map(error.failures.map((failure) => [failure.index, failure.error]));
        values = error.values as readonly (Uint8Array | undefined)[];
        failed = (place) => failures.get(place);
      } else failed = () => error ?? new Error('the load failed without a reason');
    }
    const entries: CacheEntry[] = [];
    missing.forEach((key, place) => {
      const error = failed(place);
      const value = values[place];
      landings.set(key, error === undefined ? { value, hit: false } : { error: asVivaceError(error) });
      if (error === undefined && value !== undefined) entries.push({ key, value, ttlMs: options.ttlMs });
    });
    this.#keep(entries);
    return landings;
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
  #keep(entries: readonly CacheEntry[]): void {
    if (entries.length === 0) return;
    const write = async (context: CallContext): Promise<void> => {
      try {
        await this.#store.setMany(entries, context);
      } catch (error) {
        if (!context.signal.aborted) this.#passBy(error, 'set');
      }
    };
    try {
      this.#context.run(write);
    } catch {
      // The part is stopping: the callers that are left get their answers, and nothing is kept.
    }
  }

  #passBy(error: unknown, operation: 'get' | 'set'): void {
    this.#errors.add(1, { operation });
    const now = this.#context.clock.monotonic();
    if (now < this.#quietUntil) return;
    this.#quietUntil = now + this.#warnEveryMs;
    this.#context.log.warn('the cache store fails and is passed by', { error, operation });
  }
}

function collect(
  keys: readonly string[],
  landed: ReadonlyMap<string, Landing>,
): { readonly values: readonly (Uint8Array | undefined)[]; readonly hits: number } {
  const failures: FailedKey[] = [];
  let hits = 0;
  const values = keys.map((key, index) => {
    const landing = landed.get(key)!;
    if ('error' in landing) {
      failures.push({ index, error: landing.error });
      return undefined;
    }
    if (landing.hit) hits++;
    return landing.value;
  });
  return { values: valuesUnless(failures, values), hits };
}
