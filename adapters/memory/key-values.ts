import { textKey, type KeyValueEntry, type KeyValueStore, type TextKey } from 'vivace';

/** A `KeyValueStore` in a Map. */
export class KeyValues implements KeyValueStore {
  readonly supports = { maxBatch: 10_000, synchronous: true, volatile: true };
  readonly #values = new Map<TextKey, Uint8Array>();

  getMany(keys: readonly string[]): (Uint8Array | undefined)[] {
    return keys.map((key) => this.#values.get(textKey(key))?.slice());
  }

  putNewest(entries: readonly KeyValueEntry[]): boolean[] {
    return entries.map(({ key: text, value }) => {
      const key = textKey(text);
      const stored = this.#values.get(key);
      if (stored !== undefined && Buffer.compare(stored, value) >= 0) return false;
      this.#values.set(key, value.slice());
      return true;
    });
  }

  dropPrefix(prefix: string): number {
    const dropped = [...this.#values.keys()].filter((key) => key.startsWith(prefix));
    for (const key of dropped) this.#values.delete(key);
    return dropped.length;
  }
}
