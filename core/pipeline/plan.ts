import type { Field } from '../data/feature-rows.js';
import type { Scope } from '../data/frame.js';
import type { ColumnType } from '../data/types.js';
import type { TensorSpec } from '../models/bundle.js';
import type { FeatureView } from '../views/view.js';
import type { Policy } from './schema.js';
import type { StepType } from '../steps/custom/step.js';

/** A column of the plan: its place in the frame, its full name, type and scope. */
export interface PlanColumn {
  readonly slot: number;
  readonly name: string;
  readonly type: ColumnType;
  readonly scope: Scope;
}

/** A field of the request or of its objects. */
export interface PlanField {
  readonly name: string;
  readonly type: ColumnType;
  readonly optional: boolean;
  readonly slot: number;
  readonly description?: string;
  readonly unit?: string;
}

interface NodeBase {
  readonly id: number;
  /** The alias: columns are `<alias>.<name>`. */
  readonly alias: string;
  /** Position among the pipeline's steps. */
  readonly step: number;
  /** Once per request, or once per object: inferred from what it reads. */
  readonly scope: Scope;
  readonly reads: readonly PlanColumn[];
  readonly writes: readonly PlanColumn[];
  /** Nodes that must have run. */
  readonly after: readonly number[];
}

export interface FetchNode extends NodeBase {
  readonly verb: 'fetch';
  /** Place among the frame's fetches. */
  readonly index: number;
  /** The part that is read: an online store or a feature source. */
  readonly part: string;
  readonly view?: FeatureView;
  /** Identifies the source in a cache: the view's hash or the part's name. */
  readonly sourceId: string;
  readonly offline: 'pure' | 'as-of' | 'log-only';
  readonly keys: readonly Field[];
  readonly features: readonly (Field & { readonly default?: number | string | boolean })[];
  readonly isStatic: boolean;
  readonly maxAgeMs?: number;
  readonly onMissing: Policy;
  readonly onFailure: Policy;
  readonly budgetMs?: number;
  readonly cache?: { readonly in: string; readonly ttlMs: number };
}

export interface TransformNode extends NodeBase {
  readonly verb: 'transform';
  readonly part: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly Field[];
  readonly over: 'row' | 'request';
}

export interface PredictNode extends NodeBase {
  readonly verb: 'predict';
  readonly part: string;
  /** Per tensor the columns that fill a row, in order. */
  readonly inputs: readonly { readonly tensor: TensorSpec; readonly columns: readonly PlanColumn[] }[];
  readonly outputs: readonly TensorSpec[];
  readonly over: 'row' | 'request';
  readonly cache?: { readonly in: string; readonly ttlMs: number; readonly by?: readonly PlanColumn[] };
}

export interface CustomNode extends NodeBase {
  readonly verb: 'step';
  readonly type: StepType;
  readonly options: object;
  /** Part per slot. */
  readonly uses: Readonly<Record<string, string | undefined>>;
  readonly inputs: readonly string[];
  readonly outputs: readonly Field[];
  readonly over: 'row' | 'request';
  readonly offline: 'same' | 'skip' | 'refuse';
}

export type PlanNode = FetchNode | TransformNode | PredictNode | CustomNode;

export interface PlanResponse {
  readonly outputs: readonly { readonly name: string; readonly column: PlanColumn }[];
  readonly orderBy?: PlanColumn;
  readonly descending: boolean;
  readonly limit?: number;
}

/** A compiled pipeline as data: what both executors run. */
export interface Plan {
  readonly name: string;
  readonly description?: string;
  readonly request: readonly PlanField[];
  readonly objects?: { readonly fields: readonly PlanField[]; readonly max: number };
  /** The column of the request time; without it, arrival at the server. */
  readonly time?: PlanColumn;
  /** `time` as a column, for those who read it. */
  readonly timeColumn: PlanColumn;
  readonly deadlineMs: number;
  readonly recorded: boolean;
  readonly columns: readonly PlanColumn[];
  readonly fetches: number;
  /** In an order in which each node's `after` come first. */
  readonly nodes: readonly PlanNode[];
  readonly response: PlanResponse;
  /** False where a predictor's signature is not known yet: the plan checks, it does not run. */
  readonly complete: boolean;
}

/** The plan for people and for comparison: names instead of slots. */
export function describePlan(
  plan: Plan,
): { readonly nodes: readonly object[] } & Readonly<Record<string, unknown>> {
  return {
    name: plan.name,
    time: plan.time?.name ?? 'arrival',
    deadlineMs: plan.deadlineMs,
    nodes: plan.nodes.map((node) => ({
      step: node.step,
      verb: node.verb,
      alias: node.alias,
      per: node.scope,
      ...('part' in node ? { part: node.part } : {}),
      ...(node.verb === 'fetch' && node.view !== undefined
        ? { view: `${node.view.name}#${node.view.hash}` }
        : {}),
      ...(node.verb === 'fetch' ? { onMissing: node.onMissing, onFailure: node.onFailure } : {}),
      ...('cache' in node && node.cache !== undefined ? { cache: node.cache.in } : {}),
      reads: node.reads.map((column) => column.name),
      writes: node.writes.map((column) => `${column.name}: ${column.type.name}`),
      after: node.after.map((id) => plan.nodes.find((other) => other.id === id)!.alias),
    })),
    response: {
      outputs: Object.fromEntries(plan.response.outputs.map(({ name, column }) => [name, column.name])),
      ...(plan.response.orderBy === undefined
        ? {}
        : { orderBy: plan.response.orderBy.name, descending: plan.response.descending }),
      ...(plan.response.limit === undefined ? {} : { limit: plan.response.limit }),
    },
  };
}
