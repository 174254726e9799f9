import { Buffer } from 'node:buffer';
import type { RootDatabase } from 'lmdb';
import {
  abortError,
  VivaceError,
  type CallContext,
  type ErrorCode,
  type KeyValueEntry,
  type KeyValueStore,
} from 'vivace';
import { loadSdk, makeDirectory } from 'vivace/kit';
import { codeOf } from './error-code.js';
import { checkHeader } from './header.js';

export interface LmdbSettings {
  /** Absolute. */
  readonly path: string;
  readonly readOnly: boolean;
  readonly noSync: boolean;
}

/** Entries that one transaction removes. */
const droppedAtOnce = 10_000;

/** A `KeyValueStore` over one LMDB environment. Reads answer at once; writes commit on LMDB's own thread. */
export class LmdbStore implements KeyValueStore {
  readonly supports;
  readonly #settings: LmdbSettings;
  #database!: RootDatabase<Uint8Array, string>;

  constructor(settings: LmdbSettings) {
    this.#settings = settings;
    // A process may open an environment only once: http://www.lmdb.tech/doc/.
    this.supports = { maxBatch: 10_000, synchronous: true, exclusive: `lmdb ${settings.path}` };
  }

  async start(): Promise<void> {
    const { open } = await loadSdk('lmdb', () => import('lmdb'));
    await checkHeader(this.#settings.path);
    // The SDK makes it by a call that never ends below /proc.
    if (!this.#settings.readOnly) await makeDirectory(this.#settings.path);
    this.#database = open({
      ...this.#settings,
      encoding: 'binary',
      // A directory named `x.db` would be taken for a file otherwise.
      noSubdir: false,
      // With it, a commit that fails also rejects a promise that nobody can reach, which would end the process.
      eventTurnBatching: false,
    });
  }

  async stop(): Promise<void> {
    await (this.#database as RootDatabase | undefined)?.close();
  }

  getMany(keys: readonly string[]): (Uint8Array | undefined)[] {
    return keys.map((key) => {
      const shared = this.#shared(key);
      // A copy in Node's buffer pool: half the cost of `getBinary`, which makes an ArrayBuffer for each value.
      return shared && Buffer.from(shared);
    });
  }

  async putNewest(entries: readonly KeyValueEntry[], { signal }: CallContext): Promise<boolean[]> {
    return this.#change(signal, () =>
      entries.map(({ key, value }) => {
        const stored = this.#shared(key);
        if (stored !== undefined && Buffer.compare(stored, value) >= 0) return false;
        this.#database.putSync(key, value);
        return true;
      }),
    );
  }

  async dropPrefix(prefix: string, { signal }: CallContext): Promise<number> {
    let dropped = 0;
    for (let more = true; more;) {
      const removed = await this.#change(signal, () => {
        const keys = [...this.#database.getKeys({ start: prefix, limit: droppedAtOnce })].filter((key) =>
          key.startsWith(prefix),
        );
        for (const key of keys) this.#database.removeSync(key);
        return keys.length;
      });
      dropped += removed;
      more = removed === droppedAtOnce;
    }
    return dropped;
  }

  /** Runs a change in a transaction, which holds the write lock of all processes. */
  async #change<T>(signal: AbortSignal, change: () => T): Promise<T> {
    if (this.#settings.readOnly) {
      throw new VivaceError(
        'FAILED_PRECONDITION',
        `the database in ${this.#settings.path} was opened with readOnly`,
      );
    }
    try {
      return await this.#database.transaction(() => {
        // Another process may have held the write lock for long.
        if (signal.aborted) throw abortError(signal);
        return change();
      });
    } catch (error) {
      // A failed commit keeps its reason in a promise of its own.
      const { commitError } = error as { commitError?: Promise<never> };
      await commitError;
      throw error;
    }
  }

  errorCode(error: unknown): ErrorCode | undefined {
    return codeOf(error);
  }

  /** The stored bytes where LMDB put them: valid until the next read. The buffer it gives has a `length` of its own making. */
  #shared(key: string): Uint8Array | undefined {
    const found = this.#database.getBinaryFast(key);
    return found && new Uint8Array(found.buffer, found.byteOffset, found.length);
  }
}
