import { inject, injectable } from 'inversify';
import { isVivaceError } from '../../kernel/errors.js';
import type { AroundStep, RunContext } from '../../pipeline/run-context.js';
import type { Plan } from '../../pipeline/plan.js';
import { pipelineInstruments, type PipelineInstruments } from './instruments.js';
import { planToken } from '../tokens.js';

/** Records duration, size and outcome of each request, and the duration of each of its steps. */
@injectable()
export class RecordMetrics implements AroundStep {
  readonly #plan: Plan;
  readonly #attributes: { readonly pipeline: string };
  readonly #steps: readonly { readonly pipeline: string; readonly step: string; readonly verb: string }[];
  #instruments: PipelineInstruments | undefined;

  constructor(@inject(planToken) plan: Plan) {
    this.#plan = plan;
    this.#attributes = { pipeline: plan.name };
    this.#steps = plan.nodes.map((node) => ({ pipeline: plan.name, step: node.alias, verb: node.verb }));
  }

  /** Records a request that was refused before it ran. */
  refused(error: unknown, seconds: number): void {
    this.#record(seconds, codeOf(error));
  }

  run(context: RunContext, next: () => void | Promise<void>): void | Promise<void> {
    const from = performance.now();
    const finish = (code: string): void => {
      const { stepDuration, requestObjects } = this.#record((performance.now() - from) / 1000, code);
      if (this.#plan.objects !== undefined) requestObjects.record(context.frame.objects, this.#attributes);
      context.durations?.forEach((seconds, node) => {
        if (seconds > 0) stepDuration.record(seconds, this.#steps[node]);
      });
    };
    const fail = (error: unknown): never => {
      finish(codeOf(error));
      throw error;
    };
    let running: void | Promise<void>;
    try {
      running = next();
    } catch (error) {
      return fail(error);
    }
    if (running instanceof Promise) return running.then(() => finish('OK'), fail);
    finish('OK');
  }

  #record(seconds: number, code: string): PipelineInstruments {
    this.#instruments ??= pipelineInstruments();
    this.#instruments.requestDuration.record(seconds, { ...this.#attributes, code });
    return this.#instruments;
  }
}

function codeOf(error: unknown): string {
  return isVivaceError(error) ? error.code : 'INTERNAL';
}
