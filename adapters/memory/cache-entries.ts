import { textKey, type CacheEntry, type CacheStore, type Clock, type TextKey } from 'vivace';

/** A `CacheStore` in a Map. An entry leaves when it is asked for after its time, or replaced. */
export class CacheEntries implements CacheStore {
  readonly supports = { maxBatch: 10_000 };
  readonly #clock: Clock;
  readonly #entries = new Map<TextKey, { readonly value: Uint8Array; readonly until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  getMany(keys: readonly string[]): (Uint8Array | undefined)[] {
    const now = this.#clock.monotonic();
    return keys.map((text) => {
      const key = textKey(text);
      const entry = this.#entries.get(key);
      if (entry === undefined || now < entry.until) return entry?.value.slice();
      this.#entries.delete(key);
      return undefined;
    });
  }

  setMany(entries: readonly CacheEntry[]): void {
    const now = this.#clock.monotonic();
    for (const { key, value, ttlMs } of entries)
      this.#entries.set(textKey(key), { value: value.slice(), until: now + ttlMs });
  }
}
