import { type Buffer } from 'node:buffer';
import type { Cluster, Collection, GetOptions } from 'couchbase';
import {
  untilAborted,
  valuesUnless,
  VivaceError,
  type CallContext,
  type ErrorCode,
  type FailedKey,
  type KeyValueEntry,
  type KeyValueStore,
} from 'vivace';
import { loadSdk } from 'vivace/kit';
import { connect } from './connect.js';
import type { CouchbaseSettings } from './couchbase.js';
import { documentKey } from './document-key.js';
import { codeOf, failureOf, isNamed } from './errors.js';
import { limit } from './limit.js';
import { NewestWriter } from './newest-writer.js';
import { transcoder } from './transcoder.js';
import { inWindow } from './window.js';

/** More at a time gain nothing, cost more for each and hold the event loop up: docs/adapters/couchbase.md has the figures. */
const mostInFlight = 512;

/** A `KeyValueStore` over one collection: binary documents, read side by side and replaced by compare-and-swap. */
export class CouchbaseStore implements KeyValueStore {
  readonly supports: KeyValueStore['supports'];
  readonly #settings: CouchbaseSettings;
  readonly #directory: string;
  readonly #keyspace: string;
  readonly #readMs: number;
  #opening: Promise<Cluster> | undefined;
  #collection!: Collection;
  #writer!: NewestWriter;
  #reads = 0;

  constructor(settings: CouchbaseSettings, directory: string) {
    const { bucket, scope, collection, timeoutMs, profile } = settings;
    this.#settings = settings;
    this.supports = {
      maxBatch: 10_000,
      ...(settings.ttlMs === undefined ? {} : { expiresAfterMs: settings.ttlMs }),
    };
    this.#directory = directory;
    this.#keyspace = `${bucket}.${scope}.${collection}`;
    this.#readMs = timeoutMs ?? (profile === undefined ? 2500 : 20_000);
  }

  async start(context: CallContext): Promise<void> {
    const sdk = await loadSdk('couchbase', () => import('couchbase'));
    const { client, bucket, scope, collection, durability, ttlMs, writeTimeoutMs } = this.#settings;
    this.#opening =
      client === undefined
        ? connect(sdk, this.#settings, { directory: this.#directory, context })
        : Promise.resolve(client);
    const cluster = await untilAborted(this.#opening, context.signal);
    this.#collection = cluster.bucket(bucket).scope(scope).collection(collection);
    this.#writer = new NewestWriter(this.#collection, {
      keyspace: this.#keyspace,
      timeoutMs: writeTimeoutMs,
      mostInFlight,
      nameOf: (key) => this.#name(key),
      durabilityLevel: {
        none: sdk.DurabilityLevel.None,
        majority: sdk.DurabilityLevel.Majority,
        majorityAndPersistToActive: sdk.DurabilityLevel.MajorityAndPersistOnMaster,
        persistToMajority: sdk.DurabilityLevel.PersistToMajority,
      }[durability],
      expiry: Math.ceil((ttlMs ?? 0) / 1000),
    });
    // An unknown collection, and a user who may not read it, are found here and not by the first request.
    await this.getMany(['vivace'], context);
  }

  async stop(): Promise<void> {
    if (this.#settings.client !== undefined) return;
    // A start that was given up goes on until its time-out, and may succeed.
    const cluster = await this.#opening?.catch(() => undefined);
    await cluster?.close();
  }

  errorCode(error: unknown): ErrorCode | undefined {
    return codeOf(error);
  }

  async getMany(keys: readonly string[], context: CallContext): Promise<readonly (Uint8Array | undefined)[]> {
    // While a server is silent, operations that nobody waits for any more would pile up in the SDK until its time-out.
    if (this.#reads >= this.#settings.maxInFlight) {
      throw new VivaceError(
        'UNAVAILABLE',
        `${this.#reads} reads of ${this.#keyspace} already wait for its servers (maxInFlight)`,
        { started: false },
      );
    }
    const { timeout, timeoutCode } = limit(context, this.#readMs);
    const where = { keyspace: this.#keyspace, timeoutCode };
    const options: GetOptions = { timeout, transcoder };
    const values = new Array<Uint8Array | undefined>(keys.length).fill(undefined);
    const failures: FailedKey[] = [];
    const reading = inWindow(keys.length, mostInFlight, {
      stopped: () => context.signal.aborted,
      begin: (index, done) => {
        this.#reads++;
        // A callback makes one promise less for each key than `then` under `Promise.all`.
        void this.#collection.get(this.#name(keys[index] as string), options, (error, result) => {
          this.#reads--;
          if (error === null) values[index] = (result as { content: Buffer }).content;
          else if (!isNamed(error, 'DocumentNotFoundError'))
            failures.push({ index, error: failureOf(error, where) });
          done();
        });
      },
    });
    await untilAborted(reading, context.signal);
    return valuesUnless(failures, values);
  }

  putNewest(entries: readonly KeyValueEntry[], context: CallContext): Promise<readonly boolean[]> {
    return this.#writer.putNewest(entries, context);
  }

  #name(key: string): string {
    return documentKey(this.#settings.prefix, key);
  }
}
