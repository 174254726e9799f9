import type { Container } from 'inversify';
import type { Frame } from '../data/frame.js';
import type { Call } from '../kernel/call.js';
import { createExecutor } from '../pipeline/execute.js';
import { layered, nodeLayer, runLayer, type RunPipeline } from '../pipeline/layers.js';
import type { Plan } from '../pipeline/plan.js';
import { Run, type NodeRun } from '../pipeline/run.js';
import type { PipelineCounters } from '../steps/counters.js';
import { createSteps } from './step-factory.js';

/** Runs one pipeline online: its layers, its graph, its steps. */
export class PipelineRunner {
  readonly plan: Plan;
  readonly counters: PipelineCounters;
  readonly #run: RunPipeline;

  constructor(plan: Plan, container: Container) {
    this.plan = plan;
    const { steps, counters } = createSteps(container, plan);
    this.counters = counters;
    const nodeLayers = container.isBound(nodeLayer) ? container.getAll(nodeLayer) : [];
    const runLayers = container.isBound(runLayer) ? container.getAll(runLayer) : [];
    const execute = createExecutor(
      steps.map(({ node, step }) => ({
        node,
        run: layered(
          nodeLayers,
          (run: NodeRun) => step.run(run),
          (layer, next) => layer.wrap(node, next, plan),
        ),
      })),
    );
    this.#run = layered(
      runLayers,
      (run: Run) => execute(run.decode()),
      (layer, next) => layer.wrap(plan, next),
    );
  }

  /**
   * Runs the pipeline once.
   *
   * @param decode Makes the frame of the request, inside the layers: what it throws is a failed run.
   */
  async run(call: Call, decode: () => Frame): Promise<NodeRun> {
    const run = new Run(call, decode);
    const running = this.#run(run);
    if (running !== undefined) await running;
    return run as NodeRun;
  }
}
