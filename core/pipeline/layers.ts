import type { ServiceIdentifier } from 'inversify';
import type { MaybePromise } from '../kernel/call.js';
import { messageOf, VivaceError } from '../kernel/errors.js';
import type { Plan, PlanNode } from './plan.js';
import type { NodeRun, Run } from './run.js';

/** Runs one node, or one pipeline. What answers at once returns nothing. */
export type RunNode = (run: NodeRun) => MaybePromise<void>;
export type RunPipeline = (run: Run) => MaybePromise<void>;

/**
 * Goes around each node of an online run, such as a span. Layers are bound under `nodeLayer`; those of Vivace are 100 `trace`, 200
 * `deadline` and 300 `record`, and a lower order is further out.
 */
export interface NodeLayer {
  readonly name: string;
  readonly order: number;
  /**
   * Called once per node, when the server starts. It looks at the plan then, not while a request runs.
   *
   * @param next What the layer goes around, to be called once. It may answer at once, and then the layer does too; it may throw or reject,
   *   and the layer passes both through. Where the layer itself waits for something, it must stop waiting when the signal of `run.call`
   *   aborts: nothing else ends its wait.
   * @returns `undefined` where the layer does not go around this node: it then costs nothing there.
   */
  wrap(node: PlanNode, next: RunNode, plan: Plan): RunNode | undefined;
}

/** Goes around a whole online run, from before the request is decoded; like `NodeLayer`, but bound under `runLayer`. */
export interface RunLayer {
  readonly name: string;
  readonly order: number;
  wrap(plan: Plan, next: RunPipeline): RunPipeline | undefined;
}

export const nodeLayer: ServiceIdentifier<NodeLayer> = Symbol.for('vivace.node-layer');
export const runLayer: ServiceIdentifier<RunLayer> = Symbol.for('vivace.run-layer');

/**
 * Puts layers around `inner`: the lowest order outermost, those of one order as they were bound.
 *
 * @throws {VivaceError} `INVALID_CONFIG` with the layer's name where `wrap` throws.
 */
export function layered<L extends { readonly name: string; readonly order: number }, R>(
  layers: readonly L[],
  inner: R,
  wrap: (layer: L, next: R) => R | undefined,
): R {
  return layers
    .toSorted((a, b) => a.order - b.order)
    .reduceRight((next, layer) => {
      try {
        return wrap(layer, next) ?? next;
      } catch (cause) {
        const message = `modules: the layer "${layer.name}" cannot be put around a run or a step: ${messageOf(cause)}`;
        throw new VivaceError('INVALID_CONFIG', message, { path: 'modules', cause });
      }
    }, inner);
}
