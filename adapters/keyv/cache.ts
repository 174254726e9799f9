import { Buffer } from 'node:buffer';
import type { Keyv, KeyvStoreAdapter } from 'keyv';
import { VivaceError, type CacheEntry, type CacheStore, type ErrorCode } from 'vivace';
import { loadSdk, systemErrorCode } from 'vivace/kit';
import { RecentEntries } from './recent-entries.js';

/** A `CacheStore` over one Keyv. It throws where Keyv emits an error and answers as if there were nothing. */
export class KeyvCache implements CacheStore {
  readonly supports = { maxBatch: 10_000 };
  readonly #maxEntries: number;
  readonly #given: Keyv | undefined;
  #keyv!: Keyv<Uint8Array>;
  #batchRead = false;
  #errors = 0;
  #lastError: unknown;
  readonly #onError = (error: unknown): void => {
    this.#errors++;
    this.#lastError = error;
  };

  constructor(maxEntries: number, given: Keyv | undefined) {
    this.#maxEntries = maxEntries;
    this.#given = given;
  }

  async start(): Promise<void> {
    const { Keyv } = await loadSdk('keyv', () => import('keyv'));
    if (this.#given === undefined) {
      this.#keyv = new Keyv({
        store: new RecentEntries(this.#maxEntries),
        throwOnErrors: true,
      });
      this.#keyv.serialize = undefined;
      this.#keyv.deserialize = undefined;
    } else {
      // A Keyv of our own over the user's store, so that the user's keeps its settings.
      this.#keyv = new Keyv({ ...this.#given.opts, throwOnErrors: true });
      this.#keyv.serialize = this.#given.serialize;
      this.#keyv.deserialize = this.#given.deserialize;
    }
    this.#keyv.on('error', this.#onError);
    this.#batchRead = (this.#keyv.store as Partial<KeyvStoreAdapter>).getMany !== undefined;
  }

  async getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    const values = await this.#thrown(async () =>
      // Without a batch read of the store, Keyv's own `getMany` drops errors without a word.
      this.#batchRead
        ? this.#keyv.getMany<Uint8Array>([...keys])
        : Promise.all(keys.map(async (key) => this.#keyv.get<Uint8Array>(key))),
    );
    return values.map((value) => {
      if (value === undefined || value === null) return undefined;
      if (value instanceof Uint8Array) return Buffer.from(value);
      throw new VivaceError(
        'DATA_LOSS',
        'the store holds something other than bytes: does another program use the same keys?',
      );
    });
  }

  async setMany(entries: readonly CacheEntry[]): Promise<void> {
    await this.#thrown(async () =>
      this.#keyv.setMany(
        entries
          // Keyv takes a time to live of 0 for no limit.
          .map(({ key, value, ttlMs }) => ({ key, value: Buffer.from(value), ttl: Math.max(ttlMs, 1) })),
      ),
    );
  }

  errorCode(error: unknown): ErrorCode | undefined {
    return systemErrorCode(error) ?? 'UNAVAILABLE';
  }

  async stop(): Promise<void> {
    if ((this.#keyv as Keyv | undefined) === undefined) return;
    this.#keyv.off('error', this.#onError);
    if (this.#given === undefined) await this.#keyv.disconnect();
  }

  /** Fails where Keyv has emitted an error meanwhile: stores emit one and answer `undefined`. */
  async #thrown<T>(call: () => Promise<T>): Promise<T> {
    const before = this.#errors;
    const answer = await call();
    if (this.#errors !== before) throw this.#lastError;
    return answer;
  }
}
