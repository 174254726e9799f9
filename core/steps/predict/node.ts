import type { TensorSpec } from '../../models/bundle.js';
import type { PlanColumn, PlanNode } from '../../pipeline/plan.js';
import type { CacheSpec } from '../cache/schema.js';

/** A prediction in a plan. */
export interface PredictNode extends PlanNode {
  /** The predictor part. */
  readonly part: string;
  /** Per tensor, the columns that fill a row, in order. */
  readonly inputs: readonly { readonly tensor: TensorSpec; readonly columns: readonly PlanColumn[] }[];
  readonly outputs: readonly TensorSpec[];
  readonly over: 'row' | 'request';
  readonly cache?: CacheSpec & { readonly by?: readonly PlanColumn[] };
}
