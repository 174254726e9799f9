import { textKey, type TextKey } from 'vivace';

/** The entries used last, at most `maxEntries` of them: a store for Keyv, which adds values as it serialized them. */
export class RecentEntries {
  readonly #maxEntries: number;
  /** A Map iterates in the order of insertion: the first is the one unused for longest. */
  readonly #entries = new Map<TextKey, unknown>();

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get(text: string): unknown {
    const key = textKey(text);
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  getMany(keys: readonly string[]): unknown[] {
    return keys.map((key) => this.get(key));
  }

  set(text: string, value: unknown): void {
    const key = textKey(text);
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#maxEntries) return;
    const { value: oldest } = this.#entries.keys().next();
    this.#entries.delete(oldest as TextKey);
  }

  setMany(entries: readonly { readonly key: string; readonly value: unknown }[]): boolean[] {
    return entries.map(({ key, value }) => {
      this.set(key, value);
      return true;
    });
  }

  delete(key: string): boolean {
    return this.#entries.delete(textKey(key));
  }

  clear(): void {
    this.#entries.clear();
  }
}
