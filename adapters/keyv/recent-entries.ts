/** The entries used last, at most `maxEntries` of them: a store for Keyv, which adds values as it serialized them. */
export class RecentEntries {
  readonly #maxEntries: number;
  /** A Map iterates in the order of insertion: the first is the one unused for longest. */
  readonly #entries = new Map<string, unknown>();

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get(key: string): unknown {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  getMany(keys: readonly string[]): unknown[] {
    return keys.map((key) => this.get(key));
  }

  set(key: string, value: unknown): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#maxEntries) return;
    const { value: oldest } = this.#entries.keys().next();
    this.#entries.delete(oldest as string);
  }

  setMany(entries: readonly { readonly key: string; readonly value: unknown }[]): boolean[] {
    return entries.map(({ key, value }) => {
      this.set(key, value);
      return true;
    });
  }

  delete(key: string): boolean {
    return this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}
