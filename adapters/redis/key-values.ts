import {
  isVivaceError,
  untilAborted,
  type CallContext,
  type KeyValueEntry,
  type KeyValueStore,
} from 'vivace';
import { dropKeys, readMany, settle, spansOf } from './commands.js';
import type { Connection } from './connection.js';
import { pack, putNewest } from './scripts.js';

const written = '1'.charCodeAt(0);

/** A `KeyValueStore` with one value per key. */
export class RedisKeyValues implements KeyValueStore {
  readonly supports: KeyValueStore['supports'];
  readonly #connection: Connection;
  readonly #prefix: string;
  readonly #ttl: readonly string[];
  /** Absent in a cluster, whose servers each know some of the keys only. */
  readonly dropPrefix?: NonNullable<KeyValueStore['dropPrefix']>;

  constructor(connection: Connection, prefix: string, ttlMs: number | undefined) {
    // To find out whether a key is being read already takes longer than to read it again, unless it takes a command of its own.
    this.supports = {
      maxBatch: 1000,
      ...(connection.spread ? {} : { maxJoined: 50 }),
      ...(ttlMs === undefined ? {} : { expiresAfterMs: ttlMs }),
    };
    this.#connection = connection;
    this.#prefix = prefix;
    this.#ttl = ttlMs === undefined ? [] : [String(ttlMs)];
    if (!connection.spread)
      this.dropPrefix = (dropped, { signal }) => dropKeys(connection, prefix + dropped, signal);
  }

  async getMany(keys: readonly string[], context: CallContext): Promise<readonly (Uint8Array | undefined)[]> {
    return readMany(
      this.#connection,
      keys.map((key) => this.#prefix + key),
      context,
    );
  }

  async putNewest(entries: readonly KeyValueEntry[], context: CallContext): Promise<readonly boolean[]> {
    const put = async (part: readonly KeyValueEntry[]): Promise<boolean[]> => {
      const keys = part.map(({ key }) => this.#prefix + key);
      const answer = (await this.#connection.run(putNewest, keys, [pack(part), ...this.#ttl])) as Buffer;
      return part.map((_, i) => answer[i] === written);
    };
    return settle(
      spansOf(this.#connection, entries),
      async ({ from, to }) => put(entries.slice(from, to)),
      context,
    );
  }

  async advise({ signal }: CallContext): Promise<readonly string[]> {
    let answer: unknown;
    try {
      answer = await untilAborted(this.#connection.send('advise', ['INFO', 'memory']), signal);
    } catch (error) {
      if (!isVivaceError(error) || error.code !== 'PERMISSION_DENIED') throw error;
      return ['the user may not ask for its maxmemory-policy: a policy that evicts loses rows'];
    }
    // Keys: names of the server's settings.
    const settings = new Map(
      String(answer)
        .split('\r\n')
        .map((line) => line.split(':') as [string, string]),
    );
    const policy = settings.get('maxmemory_policy') ?? 'noeviction';
    // A policy of volatile keys evicts those that have a time to live.
    const evicts = policy.startsWith('allkeys') || (policy.startsWith('volatile') && this.#ttl.length > 0);
    if (!evicts || settings.get('maxmemory') === '0') return [];
    return [
      `its maxmemory-policy is ${policy}: where memory runs out it evicts rows, which are MISSING then until the next run of materialize; set noeviction`,
    ];
  }
}
