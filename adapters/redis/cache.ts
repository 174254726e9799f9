import type { CacheEntry, CacheStore, CallContext } from 'vivace';
import { readMany, settle, spansOf } from './commands.js';
import type { Connection } from './connection.js';
import { pack, setMany } from './scripts.js';

/** A `CacheStore` whose entries the server forgets by itself. */
export class RedisCache implements CacheStore {
  readonly supports = { maxBatch: 1000 };
  readonly #connection: Connection;
  readonly #prefix: string;

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  async getMany(keys: readonly string[], context: CallContext): Promise<readonly (Uint8Array | undefined)[]> {
    return readMany(
      this.#connection,
      keys.map((key) => this.#prefix + key),
      context,
    );
  }

  async setMany(entries: readonly CacheEntry[], context: CallContext): Promise<void> {
    await settle(
      spansOf(this.#connection, entries),
      async ({ from, to }) => this.#set(entries.slice(from, to)),
      context,
    );
  }

  async #set(entries: readonly CacheEntry[]): Promise<[]> {
    const keys = entries.map(({ key }) => this.#prefix + key);
    const ttls = entries.map(({ ttlMs }) => String(Math.max(1, Math.ceil(ttlMs))));
    if (this.#connection.spread) {
      const { buffer, byteOffset, byteLength } = entries[0]!.value;
      const value = Buffer.from(buffer, byteOffset, byteLength);
      await this.#connection.send(keys[0]!, ['SET', keys[0]!, value, 'PX', ttls[0]!]);
    } else {
      await this.#connection.run(setMany, keys, [pack(entries), ...ttls]);
    }
    return [];
  }
}
