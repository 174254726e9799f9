import type { Newable, ServiceIdentifier, ContainerModule } from 'inversify';
import type { z } from 'zod';
import type { Column } from '../data/column.js';
import type { Frame } from '../data/frame.js';
import type { MaybePromise } from '../kernel/call.js';
import type { ExplainedNode } from '../ports/data-plane.js';
import type { Port } from '../ports/port.js';
import type { FeatureView } from '../views/view.js';
import type { Plan, PlanNode } from './plan.js';
import type { NodeRun } from './run.js';
import type { StepCompiler } from './step-compiler.js';

/** What runs a node: it reads columns of the frame and writes the node's own. A step that answers at once returns nothing. */
export interface NodeStep {
  run(run: NodeRun): MaybePromise<void>;
}

/** A part that a node uses. */
export interface UsedPart {
  readonly port: Port;
  /** Its name. */
  readonly part: string;
  /** What the step gets from it; default: its face for the port. */
  readonly open?: (face: never) => unknown;
  /** Whether the step cannot do without it. */
  readonly required?: boolean;
}

/**
 * How a node runs in a training set.
 *
 * - `same`: the same object that answers online.
 * - `as-of`: the same object, over rows of `view` as of each request's time, in the slot `slot`.
 * - `skip`: its columns are null.
 * - `refuse`: the run ends before it begins.
 * - `model`: only where the run predicts; otherwise it and the nodes that need its columns are left out.
 */
export type Offline =
  | { readonly how: 'same' | 'skip' | 'model' }
  | {
      readonly how: 'as-of';
      readonly view: FeatureView;
      readonly slot: string;
      /** The hash of how rows of the view are read: a model that was trained on others notices. */
      readonly contract: string;
      /** How long a cache keeps its rows online, milliseconds; absent without one. */
      readonly cachedMs?: number;
    }
  | {
      readonly how: 'refuse';
      readonly because: string;
      /** Its history is what a log of served requests holds; the hash of how its rows are read. */
      readonly logged?: string;
    };

/**
 * What a run over historical requests does with a read that fails: it ends with the error of the source (`end`), or gives nulls and keeps the status
 * FAILED, for the run to count (`mark`); with `compare` a row that is missing does not end it either. What a pipeline declares for outages is for requests that somebody waits for; in a training set a default in place
 * of a value would pass for one.
 */
export type FailedReads = 'end' | 'mark' | 'compare';

/** What a log says of a node: one row for each of the frame's rows in the node's scope. */
export interface LoggedCells {
  /** The rows to be taken from the log, ascending. */
  readonly rows: Uint32Array;
  /** Statuses by name, and times in microseconds, null where there are none. */
  readonly status: Column;
  readonly eventTime: Column;
  readonly availableTime: Column;
  /** The names of features for which a default stood in, joined by commas. */
  readonly defaulted: Column;
  /** One per column that the node writes. */
  readonly columns: readonly Column[];
}

/** A node for people and for comparison. */
export interface StepSummary {
  /** What stands after the verb: the name of a view, a part or a step. */
  readonly what: string;
  /** For the described plan. */
  readonly facts: Readonly<Record<string, string>>;
  /** For the drawing of `check`: `cached in recent for 60000 ms`. */
  readonly notes: readonly string[];
  /**
   * Everything about the node that decides what the rows of a training set hold: its options and what its parts are, but neither which
   * store serves it online, nor whether it is cached there. It is hashed as JSON.
   */
  readonly identity: Readonly<Record<string, unknown>>;
}

/** What `compile` says of a node; core adds its place in the graph. */
export type NodeDraft<N extends PlanNode> = Omit<
  N,
  'id' | 'verb' | 'definition' | 'step' | 'after' | 'skips' | 'mask'
> & {
  /** Effects. `skips`: the node may leave out objects. `afterSkips`: it sees which objects the nodes before it have left out. */
  readonly effects?: { readonly skips?: boolean; readonly afterSkips?: boolean };
};

/**
 * A verb of pipelines: how a step of a file becomes a node of the plan, and what runs it. Definitions are bound under
 * `stepDefinition`, those of Vivace first; nothing else in core knows a verb.
 */
export interface StepDefinition<S extends z.ZodObject = z.ZodObject, N extends PlanNode = PlanNode> {
  /** The key that makes a step this one: `fetch`. */
  readonly verb: string;
  /** A step as users write it, the verb's own key included. */
  readonly schema: S;
  /**
   * Declares the columns that a step reads and writes, and its effects.
   *
   * @returns `undefined` where there is a mistake, or where something is not known before the server starts; mistakes go to `compiler`.
   */
  compile(spec: z.output<S>, compiler: StepCompiler): NodeDraft<N> | undefined;
  /** The parts that a node uses, by slot; its class gets them injected by `stepSlot(slot)`. */
  parts?(node: N): Readonly<Record<string, UsedPart | undefined>>;
  /** What else the class of a node needs injected. */
  module?(node: N): ContainerModule;
  offline(node: N): Offline;
  /** The node as it runs over historical requests: without budgets, and with `failedReads` for what it declares for outages. */
  inHistory?(node: N, failedReads: FailedReads): N;
  /**
   * Writes the columns of a node in some rows as a log of served requests has them, also what it says of left-out objects; by then its class has
   * written the others, unless there are none or nothing can compute them.
   */
  fromLog?(node: N, frame: Frame, logged: LoggedCells): void;
  summary(node: N): StepSummary;
  /** Status and times per row, for `explain` and for the failed rows of a training set. */
  explain?(node: N, frame: Frame): NonNullable<ExplainedNode['rows']>;
  /** Whether its class stops waiting when a call aborts; otherwise the deadline layer does so for it. */
  readonly leaves?: boolean;
  /** The `@injectable()` class that runs a node. A module may rebind it, in transient scope. */
  readonly runs: Newable<NodeStep>;
}

/**
 * Defines a verb of pipelines, beside `fetch`, `transform`, `predict` and `step`. Use it for what the other ways cannot express: a step
 * that finds its own columns, leaves out objects, or has keys of its own in a configuration.
 *
 * Your duties:
 *
 * - `compile` finds the columns and parts of a step through the `StepCompiler` and says what its node reads and writes. It reports
 *   mistakes there and returns `undefined`; it does not throw.
 * - `runs` is an `@injectable()` class, one object per node. Its `run` writes every column of the node, and nothing else.
 * - `offline` and `summary` say what a training set does with the node and how the node is described to people.
 *
 * A module binds the definition under `stepDefinition`; from then on, `check`, `explain`, editors and training sets know the verb. Core
 * guarantees that a node runs after those whose columns it reads, and that no other node reads its columns before it has ended.
 *
 * @param definition The verb; its node's type is inferred from what `compile` gives.
 * @returns The same definition.
 * @see docs/composition.md#a-verb-of-your-own
 * @example
 * ```ts
 * import { cellAt, columnOf, ContainerModule, createServer, defineVerb, inject, injectable, ownStep, parseType } from 'vivace';
 * import { stepDefinition, stepNode, type NodeRun, type NodeStep, type PlanNode } from 'vivace';
 * import { z } from 'zod';
 *
 * class DoubleRows implements NodeStep {
 *   readonly #node: PlanNode;
 *
 *   constructor(@inject(stepNode) node: PlanNode) {
 *     this.#node = node;
 *   }
 *
 *   run({ frame }: NodeRun): void {
 *     const input = frame.column(this.#node.reads[0]!.place);
 *     const { place, type } = this.#node.writes[0]!;
 *     frame.write(place, columnOf(type, Array.from({ length: input.rows }, (_, row) => 2 * (cellAt(input, row) as number))));
 *   }
 * }
 * injectable()(DoubleRows); // the same as the decorator
 *
 * const value = { name: 'value', type: parseType('float64') };
 * const double = defineVerb({
 *   verb: 'double',
 *   schema: z.strictObject({ double: z.string().describe('a column of numbers') }),
 *   compile({ double: column }, compiler) {
 *     const read = compiler.column(column, ['double'], value);
 *     const alias = compiler.alias('doubled');
 *     if (read === undefined || alias === undefined) return undefined;
 *     return { alias, scope: read.scope, reads: [read], writes: compiler.writes(alias, [value], read.scope) };
 *   },
 *   offline: () => ({ how: 'same' }),
 *   summary: ({ reads }) => ({ what: reads[0]!.name, facts: {}, notes: [], identity: {} }),
 *   runs: DoubleRows,
 * });
 *
 * const server = await createServer({
 *   parts: {},
 *   modules: [new ContainerModule(({ bind }) => void bind(stepDefinition).toConstantValue(double))],
 *   pipelines: {
 *     twice: {
 *       request: { n: 'float64' },
 *       steps: [ownStep({ double: 'request.n' })],
 *       response: { outputs: { n: 'doubled.value' } },
 *     },
 *   },
 * });
 * await server.start();
 * const answer = await server.predict('twice', { request: { n: 21 } });
 * console.log(answer.outputs.n); // 42
 * await server.stop();
 * ```
 */
export function defineVerb<S extends z.ZodObject, N extends PlanNode = PlanNode>(
  definition: StepDefinition<S, N>,
): StepDefinition {
  return definition;
}

const token = <T>(name: string): ServiceIdentifier<T> => Symbol.for(`vivace.${name}`);

/** Every verb, multi-injected. */
export const stepDefinition: ServiceIdentifier<StepDefinition> = token('step-definition');
/** The node that a step class runs. */
export const stepNode: ServiceIdentifier<PlanNode> = token('step.node');
/** The plan that the node belongs to. */
export const stepPlan: ServiceIdentifier<Plan> = token('step.plan');
/** The options of a class step, as its own schema parsed them. */
export const stepOptions: ServiceIdentifier<object> = token('step.options');
/** The part in a slot of a step; inject it with `@optional()` where the slot may be empty. */
export function stepSlot(name: string): ServiceIdentifier {
  return token(`step.slot.${name}`);
}
