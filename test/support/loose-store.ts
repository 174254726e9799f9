import type { KeyValueStore } from 'vivace';

/** A key-value store from which entries can be taken away. */
export class LooseStore implements KeyValueStore {
  readonly supports: KeyValueStore['supports'] = { maxBatch: 10_000 };
  readonly entries = new Map<string, Uint8Array>();
  /** Called before each write. */
  beforeWrite: (keys: readonly string[]) => void = () => undefined;

  getMany(keys: readonly string[]): (Uint8Array | undefined)[] {
    return keys.map((key) => this.entries.get(key)?.slice());
  }

  putNewest(entries: readonly { key: string; value: Uint8Array }[]): boolean[] {
    this.beforeWrite(entries.map(({ key }) => key));
    return entries.map(({ key, value }) => {
      const known = this.entries.get(key);
      if (known !== undefined && Buffer.compare(known, value) >= 0) return false;
      this.entries.set(key, value.slice());
      return true;
    });
  }

  /** Keys and values of the rows, without ledgers. */
  rows(): Map<string, string> {
    return new Map(
      [...this.entries]
        .filter(([key]) => !key.includes('#'))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, value]) => [key, Buffer.from(value).toString('hex')]),
    );
  }
}
