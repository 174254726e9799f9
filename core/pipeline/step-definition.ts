import type { Newable, ServiceIdentifier, ContainerModule } from 'inversify';
import type { z } from 'zod';
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
  /** What the step gets of it; default: its face for the port. */
  readonly open?: (face: never) => unknown;
}

/**
 * How a node runs in a training set.
 *
 * - `same`: the same object that answers online.
 * - `as-of`: the same object, over rows of `view` as of each request's time, in the slot `slot`.
 * - `skip`: its columns are null.
 * - `refuse`: the run ends before it begins.
 * - `model`: only where the run predicts; otherwise it and what needs its columns are left out.
 */
export type Offline =
  | { readonly how: 'same' | 'skip' | 'model' }
  | { readonly how: 'as-of'; readonly view: FeatureView; readonly slot: string }
  | { readonly how: 'refuse'; readonly because: string };

/** A node for people and for comparison. */
export interface StepSummary {
  /** What stands after the verb: the name of a view, a part or a step. */
  readonly what: string;
  /** For the described plan. */
  readonly facts: Readonly<Record<string, string>>;
  /** For the drawing of `check`: `cached in recent for 60000 ms`. */
  readonly notes: readonly string[];
  /** What the node means for the rows of a training set: neither which store serves it online, nor whether it is cached there. */
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
   * @returns `undefined` where there is a mistake, or where something is not known before the server starts; mistakes are in `compiler`.
   */
  compile(spec: z.output<S>, compiler: StepCompiler): NodeDraft<N> | undefined;
  /** The parts that a node uses, by slot; its class gets them injected by `stepSlot(slot)`. */
  parts?(node: N): Readonly<Record<string, UsedPart | undefined>>;
  /** What else the class of a node needs injected. */
  module?(node: N): ContainerModule;
  offline(node: N): Offline;
  summary(node: N): StepSummary;
  /** Status and times per row, for `explain`. */
  explain?(node: N, frame: Frame): ExplainedNode['rows'];
  /** Whether its class leaves what it waits for when a call aborts; otherwise the deadline layer does. */
  readonly leaves?: boolean;
  /** The `@injectable()` class that runs a node. A module may rebind it, in transient scope. */
  readonly runs: Newable<NodeStep>;
}

/** Declares a verb, its node's type inferred from what `compile` gives. */
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
