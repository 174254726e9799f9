import { gather } from '../../data/column-appender.js';
import { FeatureRows, type Field, type Keys } from '../../data/feature-rows.js';
import { status } from '../../data/status.js';
import { isPartialFailure, valuesUnless, type FailedKey } from '../../kernel/errors.js';
import type { Cache } from '../../ports/cache.js';
import type { FeatureSource } from '../../ports/feature-source.js';
import type { CallContext } from '../../kernel/call.js';
import type { CacheCounts } from './cache-counts.js';
import { RowCodec } from '../../wire/row-codec.js';
import { encodeRowKeys } from '../../wire/row-key.js';

/** How a cached source is read, and what it gives. */
export interface CachedRows {
  /** The part that is read, for errors. */
  readonly part: string;
  /** Whether its rows have no age. */
  readonly isStatic: boolean;
  /** Identifies the source among all that share the cache. */
  readonly sourceId: string;
  readonly keys: readonly Field[];
  readonly features: readonly Field[];
}

/**
 * A feature source with a cache in front: rows are kept as online rows, those that are not there as tombstones. What failed is not
 * kept.
 */
export class CacheFeatures implements FeatureSource {
  readonly #rows: CachedRows;
  readonly #source: FeatureSource;
  readonly #cache: Cache;
  readonly #ttlMs: number;
  /** Includes the layout: a part of the same name may give other columns in the next release. */
  readonly #prefix: string;
  readonly #codec: RowCodec;
  readonly #counts: CacheCounts;

  constructor(
    rows: CachedRows,
    {
      source,
      cache,
      ttlMs,
      counts,
    }: { source: FeatureSource; cache: Cache; ttlMs: number; counts: CacheCounts },
  ) {
    this.#rows = rows;
    this.#source = source;
    this.#cache = cache;
    this.#ttlMs = ttlMs;
    this.#codec = new RowCodec(rows.features);
    this.#prefix = `${rows.sourceId}.${this.#codec.layoutId}`;
    this.#counts = counts;
  }

  async read(keys: Keys, out: FeatureRows, context: CallContext): Promise<void> {
    const columns = this.#rows.keys.map((key) => keys.column(key.name));
    const names = encodeRowKeys(this.#prefix, columns, keys.rows);
    try {
      const { values, hits } = await this.#cache.through(
        names,
        async (missing, shared) => this.#load(keys, missing, shared),
        { ttlMs: this.#ttlMs },
        context,
      );
      this.#counts.hits += hits;
      this.#counts.misses += keys.rows - hits;
      this.#codec.decode(values, out);
    } catch (error) {
      if (!isPartialFailure(error)) throw error;
      this.#counts.misses += error.failures.length;
      this.#codec.decode(error.values as readonly (Uint8Array | undefined)[], out);
      for (const failure of error.failures) out.setFailed(failure.index, failure.error);
    }
  }

  /** Rows that failed are thrown as an error, so that callers that wait for this load see an outage, not a miss. */
  async #load(
    keys: Keys,
    missing: readonly number[],
    context: CallContext,
  ): Promise<readonly (Uint8Array | undefined)[]> {
    const index = Uint32Array.from(missing);
    const rows = new FeatureRows(this.#rows.features, missing.length);
    await this.#source.read(
      {
        rows: missing.length,
        get time() {
          const { time } = keys;
          return typeof time === 'number' ? time : Float64Array.from(index, (row) => time[row]!);
        },
        column: (name) => gather(keys.column(name), index),
      },
      rows,
      context,
    );
    rows.settle(this.#rows.part, !this.#rows.isStatic);
    const encoded = this.#codec.encode(
      rows,
      rows.columns.map((column) => column.finish()),
    );
    const failures: FailedKey[] = [];
    const values = encoded.map((bytes, index) => {
      if (rows.status[index] === status.PRESENT) return bytes;
      if (rows.status[index] === status.MISSING) return this.#codec.encodeDeleted(0, 0);
      failures.push({ index, error: rows.error! });
      return undefined;
    });
    return valuesUnless(failures, values);
  }
}
