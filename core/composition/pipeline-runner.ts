import type { Container, ServiceIdentifier } from 'inversify';
import type { Call } from '../kernel/call.js';
import { abortError, VivaceError } from '../kernel/errors.js';
import type { Clock } from '../parts/context.js';
import { createExecutor } from '../pipeline/execute.js';
import { layered, nodeLayer, runLayer, type RunPipeline } from '../pipeline/layers.js';
import type { Plan } from '../pipeline/plan.js';
import { Run, type NodeRun } from '../pipeline/run.js';
import type { PipelineCounters } from '../steps/counters.js';
import type { PipelineAnswer, PipelineInput } from '../ports/data-plane.js';
import { whyNotMade } from './injection.js';
import { answerOf } from './pipeline-answer.js';
import { frameOf } from './pipeline-input.js';
import { createSteps } from './step-factory.js';

/** Runs one pipeline online: its layers, its graph, its steps. */
export class PipelineRunner {
  readonly plan: Plan;
  readonly counters: PipelineCounters;
  readonly #run: RunPipeline;
  readonly #clock: Clock;

  constructor(plan: Plan, { container, clock }: { container: Container; clock: Clock }) {
    this.plan = plan;
    this.#clock = clock;
    const { steps, counters } = createSteps(container, plan);
    this.counters = counters;
    const nodeLayers = layersOf(container, nodeLayer);
    const runLayers = layersOf(container, runLayer);
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
      (run: Run) => {
        const { signal } = run.call;
        if (signal.aborted) throw abortError(signal);
        return execute(run.decode());
      },
      (layer, next) => layer.wrap(plan, next),
    );
  }

  /** Answers a request; see `PipelinePlane`. */
  async predict(input: PipelineInput | (() => PipelineInput), call: Call): Promise<PipelineAnswer> {
    let explain = false;
    const run = new Run(call, () => {
      const given = typeof input === 'function' ? input() : input;
      explain = given.explain === true;
      return frameOf(this.plan, given, this.#clock.now());
    });
    const running = this.#run(run);
    if (running !== undefined) await running;
    if (run.frame === undefined)
      throw new VivaceError(
        'INTERNAL',
        'a layer ended the run without running the pipeline: it must call `next`',
      );
    return answerOf(this.plan, run as NodeRun, explain);
  }
}

/** @throws {VivaceError} `INVALID_CONFIG` where a layer cannot be made. */
function layersOf<L>(container: Container, layer: ServiceIdentifier<L>): readonly L[] {
  try {
    return container.isBound(layer) ? container.getAll(layer) : [];
  } catch (cause) {
    throw new VivaceError('INVALID_CONFIG', `modules: a layer cannot be created: ${whyNotMade(cause)}`, {
      path: 'modules',
      cause,
    });
  }
}
