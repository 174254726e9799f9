import type { Field } from '../data/feature-rows.js';
import type { ElementPlace, Scope } from '../data/frame.js';
import type { ColumnType } from '../data/types.js';
import type { RecordSpec } from './schema.js';
import type { StepDefinition } from './step-definition.js';

/** A column of the plan: its place in the frame, its full name, type and scope. */
export interface PlanColumn {
  readonly place: number;
  readonly name: string;
  readonly type: ColumnType;
  readonly scope: Scope;
}

/** A field of the request or of its objects. */
export interface PlanField {
  readonly name: string;
  readonly type: ColumnType;
  readonly optional: boolean;
  readonly place: number;
  readonly description?: string;
  readonly unit?: string;
  /** The most UTF-16 units of its texts, where it holds any. */
  readonly maxLength?: number;
}

/** One step of the plan. What its verb needs besides this is in the verb's own node type, which only the verb's definition reads. */
export interface PlanNode {
  readonly id: number;
  readonly verb: string;
  /** The definition that compiled the node, and that runs, explains and draws it. */
  readonly definition: StepDefinition;
  /** The alias: columns are `<alias>.<name>`. */
  readonly alias: string;
  /** Position among the pipeline's steps. */
  readonly step: number;
  /** Once per request, or once per object: inferred from what it reads. */
  readonly scope: Scope;
  /** `request`: it looks at the rows of a request together, so a row alone would get another value. Default: `row`. */
  readonly over?: 'row' | 'request';
  readonly reads: readonly PlanColumn[];
  readonly writes: readonly PlanColumn[];
  /** Nodes that must have run: those that write what it reads, including the mask of left-out objects. */
  readonly after: readonly number[];
  /** Where the node may leave out objects: its place among those that do. */
  readonly skips?: number;
  /**
   * The place, among the plan's masks, of the one that the node reads: which objects remain once certain nodes before it in the file have
   * left some out. The node runs after those nodes, and never sees what other nodes leave out, whenever they run.
   */
  readonly mask?: number;
}

export interface PlanResponse {
  readonly outputs: readonly { readonly name: string; readonly column: PlanColumn }[];
  readonly orderBy?: PlanColumn;
  readonly descending: boolean;
  readonly limit?: number;
}

/** A compiled pipeline as data, which both executors run. */
export interface Plan {
  readonly name: string;
  readonly description?: string;
  readonly request: readonly PlanField[];
  readonly objects?: { readonly fields: readonly PlanField[]; readonly max: number };
  /** The column of the request time; without it, the time of arrival at the server. */
  readonly time?: PlanColumn;
  /** `time` as a column, for nodes that read it. */
  readonly timeColumn: PlanColumn;
  readonly deadlineMs: number;
  /** Whether a request may ask which values its answer came from. */
  readonly explain: boolean;
  /** What is recorded of each request, or nothing. */
  readonly record: RecordSpec;
  /** The column whose values a log keeps or leaves out together, where requests are logged by one. */
  readonly servedBy?: PlanColumn;
  readonly columns: readonly PlanColumn[];
  /** The columns that are elements of others; no node writes them. */
  readonly elements: readonly ElementPlace[];
  /** How many nodes keep a status per row. */
  readonly fetches: number;
  /** How many nodes may leave out objects. */
  readonly skips: number;
  /** Per mask that is read, the places of the nodes whose left-out objects it leaves out. */
  readonly masks: readonly (readonly number[])[];
  /** The mask of the answer, where any node may leave out objects. */
  readonly answerMask?: number;
  /** In an order in which every node follows those in its `after`. */
  readonly nodes: readonly PlanNode[];
  readonly response: PlanResponse;
  /** False where a predictor's signature is not known yet: the plan can be checked, but not run. */
  readonly complete: boolean;
}

/** The plan for people and for comparison: names instead of places. */
export function describePlan(
  plan: Plan,
): { readonly nodes: readonly object[] } & Readonly<Record<string, unknown>> {
  return {
    name: plan.name,
    time: plan.time?.name ?? 'arrival',
    deadlineMs: plan.deadlineMs,
    record: plan.record,
    nodes: plan.nodes.map((node) => ({
      step: node.step,
      verb: node.verb,
      alias: node.alias,
      per: node.scope,
      ...node.definition.summary(node).facts,
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

/** Fields as they are declared, with their columns. */
export function fieldsIn(plan: Plan): readonly (Field & PlanField)[] {
  return [...plan.request, ...(plan.objects?.fields ?? [])];
}
