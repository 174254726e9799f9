import type { FeatureRows, Keys } from '../data/feature-rows.js';
import type { TypeName } from '../data/types.js';
import { pluginPort } from './port.js';
import { type CallContext, type MaybePromise } from '../kernel/call.js';

/** A feature as a source or a view declares it. */
export interface FeatureSpec {
  readonly type: TypeName;
  readonly unit?: string;
  /** Replaces a missing value, where the fetch says `default`. */
  readonly default?: number | string | boolean;
  readonly description?: string;
}

/**
 * What a feature source says of itself before it starts, so that pipelines can be compiled.
 *
 * `offline`: `pure`: the same function answers offline · `as-of`: the offline store joins it · `log-only`: available only from the served
 * log.
 */
export interface FeatureSourceDescription {
  readonly keys: Readonly<Record<string, TypeName>>;
  readonly features: Readonly<Record<string, TypeName | FeatureSpec>>;
  readonly offline: 'pure' | 'as-of' | 'log-only';
  /** Rows older than this at the request time are STALE. */
  readonly maxAgeMs?: number;
}

/** Features by key. */
export interface FeatureSource<D extends FeatureSourceDescription = FeatureSourceDescription> {
  /**
   * Fills `out` with one row per key, in the order of the keys.
   *
   * Core guarantees at least one key, and that the keys of one call are distinct.
   *
   * @throws where nothing could be read; where only some rows failed, mark those with `out.setFailed`.
   */
  read(keys: Keys<D['keys']>, out: FeatureRows<D['features']>, context: CallContext): MaybePromise<void>;
}

export const featureSource = pluginPort<FeatureSource>('feature-source', { read: {} });
