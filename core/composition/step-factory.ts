import { Container, type Newable } from 'inversify';
import { VivaceError } from '../kernel/errors.js';
import type { Plan, PlanNode } from '../pipeline/plan.js';
import { stepNode, stepPlan, stepSlot, type NodeStep } from '../pipeline/step-definition.js';
import { PipelineCounters, pipelineCounters } from '../steps/counters.js';
import { whyNotMade } from './injection.js';

/** A node and the object that runs it. */
export interface PlanStep {
  readonly node: PlanNode;
  readonly step: NodeStep;
}

/** The steps of one pipeline, and what they count. */
export interface PipelineSteps {
  readonly steps: readonly PlanStep[];
  readonly counters: PipelineCounters;
}

/** What fills slots of a node in a run that is not online, instead of the part that the node names. */
export type SlotOverride = (node: PlanNode) => Readonly<Record<string, unknown>>;

/** Objects that already run a node: a class that is bound as a singleton would run all nodes with one object. */
const taken = new WeakSet<NodeStep>();

/** Resolves the steps of a plan, each from a container of its own below the server's, which binds what the node names. */
export function createSteps(
  parent: Container,
  plan: Plan,
  override: SlotOverride = () => ({}),
): PipelineSteps {
  const container = new Container({ parent, jitless: true });
  const counters = new PipelineCounters();
  container.bind(pipelineCounters).toConstantValue(counters);
  container.bind(stepPlan).toConstantValue(plan);
  const steps = plan.nodes.map((node) => {
    try {
      return { node, step: createStep(container, node, override(node)) };
    } catch (error) {
      if (error instanceof VivaceError) throw error;
      const message = `${node.verb} "${node.alias}" cannot be created: ${whyNotMade(error)}`;
      const path = `pipelines.${plan.name}.steps[${node.step}]`;
      throw new VivaceError('INVALID_CONFIG', `${path}: ${message}`, { path, cause: error });
    }
  });
  return { steps, counters };
}

function createStep(
  parent: Container,
  node: PlanNode,
  override: Readonly<Record<string, unknown>>,
): NodeStep {
  const { definition } = node;
  const container = new Container({ parent, jitless: true });
  container.bind(stepNode).toConstantValue(node);
  for (const [slot, used] of Object.entries(definition.parts?.(node) ?? {})) {
    const overridden = Object.hasOwn(override, slot);
    if (!overridden && used === undefined) continue;
    const face = overridden ? override[slot] : container.get(used!.port.id, { name: used!.part });
    const value = overridden || used?.open === undefined ? face : used.open(face as never);
    if (value !== undefined) container.bind(stepSlot(slot)).toConstantValue(value);
  }
  const module = definition.module?.(node);
  if (module !== undefined) container.load(module);
  const type: Newable<NodeStep> = definition.runs;
  if (!container.isBound(type)) container.bind(type).toSelf();
  const step = container.get(type);
  if (taken.has(step)) {
    throw new VivaceError(
      'INVALID_CONFIG',
      `${type.name} is bound as a singleton, but each step of a pipeline needs an object of its own: add \`.inTransientScope()\` to its binding`,
    );
  }
  taken.add(step);
  return step;
}
