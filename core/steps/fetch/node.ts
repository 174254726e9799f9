import type { Field } from '../../data/feature-rows.js';
import type { PlanNode } from '../../pipeline/plan.js';
import type { FeatureView } from '../../views/view.js';
import type { CacheSpec } from '../cache/schema.js';
import type { Policy } from './schema.js';

/** A fetch in a plan. */
export interface FetchNode extends PlanNode {
  /** Place among the frame's fetches. */
  readonly index: number;
  /** The part that is read: an online store or a feature source. */
  readonly part: string;
  readonly view?: FeatureView;
  /** Identifies the source in a cache: the view's hash, or the part's name and what it is. */
  readonly sourceId: string;
  /** What the source is: the view's hash, or what the catalogue says of the part. */
  readonly identity: string;
  readonly history: 'pure' | 'as-of' | 'log-only';
  readonly keys: readonly Field[];
  /** Places among `reads` of the texts that steps have made, which may be of any length. */
  readonly unchecked: readonly number[];
  readonly features: readonly (Field & { readonly default?: number | string | boolean })[];
  readonly isStatic: boolean;
  readonly maxAgeMs?: number;
  readonly onMissing: Policy;
  readonly onFailure: Policy;
  readonly budgetMs?: number;
  readonly cache?: CacheSpec;
}
