import { gather } from '../../data/column.js';
import { FeatureRows, type Keys } from '../../data/feature-rows.js';
import { status } from '../../data/status.js';
import { isPartialFailure, valuesUnless, type FailedKey } from '../../kernel/errors.js';
import type { FetchNode } from '../../pipeline/plan.js';
import type { Cache } from '../../ports/cache.js';
import type { FeatureSource } from '../../ports/feature-source.js';
import type { CallContext } from '../../kernel/call.js';
import type { CacheCounts } from './cache-counts.js';
import { RowCodec } from '../../wire/row-codec.js';
import { encodeRowKeys } from '../../wire/row-key.js';

/**
 * A feature source with a cache in front: rows are kept as online rows, those that are not there as tombstones. What failed is not
 * kept.
 */
export class CacheFeatures implements FeatureSource {
  readonly #node: FetchNode;
  readonly #source: FeatureSource;
  readonly #cache: Cache;
  readonly #ttlMs: number;
  /** With the layout: a part of the same name may give other columns in the next release. */
  readonly #prefix: string;
  readonly #codec: RowCodec;
  readonly #counts: CacheCounts;

  constructor(
    node: FetchNode & { readonly cache: NonNullable<FetchNode['cache']> },
    { source, cache, counts }: { source: FeatureSource; cache: Cache; counts: CacheCounts },
  ) {
    this.#node = node;
    this.#source = source;
    this.#cache = cache;
    this.#ttlMs = node.cache.ttlMs;
    this.#codec = new RowCodec(node.features);
    this.#prefix = `${node.sourceId}.${this.#codec.layoutId}`;
    this.#counts = counts;
  }

  async read(keys: Keys, out: FeatureRows, context: CallContext): Promise<void> {
    const columns = this.#node.keys.map((key) => keys.column(key.name));
    const names = encodeRowKeys(this.#prefix, columns, keys.rows);
    try {
      const { values, hits } = await this.#cache.through(
        names,
        async (missing) => this.#load(keys, missing, context),
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

  /** Rows that failed are thrown, so that whoever waits for this load sees an outage and no miss. */
  async #load(
    keys: Keys,
    missing: readonly number[],
    context: CallContext,
  ): Promise<readonly (Uint8Array | undefined)[]> {
    const index = Uint32Array.from(missing);
    const rows = new FeatureRows(this.#node.features, missing.length);
    await this.#source.read(
      {
        rows: missing.length,
        time:
          typeof keys.time === 'number'
            ? keys.time
            : Float64Array.from(index, (row) => (keys.time as Float64Array)[row]!),
        column: (name) => gather(keys.column(name), index),
      },
      rows,
      context,
    );
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
