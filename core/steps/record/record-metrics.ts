import { around } from '../../kernel/around.js';
import { inject, injectable } from 'inversify';
import type { MaybePromise } from '../../kernel/call.js';
import { attributeNames } from '../../kernel/attribute-names.js';
import { codeOf } from '../../kernel/errors.js';
import { type NodeLayer, type RunLayer, type RunNode, type RunPipeline } from '../../pipeline/layers.js';
import type { Plan, PlanNode } from '../../pipeline/plan.js';
import { Instruments } from './instruments.js';

const order = 300;

const records = ({ record }: Plan): boolean => record !== false && record.metrics;

/** Records the duration, size and outcome of each request, including those that cannot be decoded. */
@injectable()
export class RecordMetrics implements RunLayer {
  readonly name = 'record';
  readonly order = order;
  readonly #instruments: Instruments;

  constructor(@inject(Instruments) instruments: Instruments) {
    this.#instruments = instruments;
  }

  wrap(plan: Plan, next: RunPipeline): RunPipeline | undefined {
    if (!records(plan)) return undefined;
    const attributes = { [attributeNames.pipeline]: plan.name };
    const hasObjects = plan.objects !== undefined;
    return (run): MaybePromise<void> => {
      const { arrivedAt } = run.call;
      return around(
        () => next(run),
        (failure) => {
          const { requestDuration, requestObjects } = this.#instruments;
          const seconds = (performance.now() - arrivedAt) / 1000;
          if (failure === undefined) requestDuration.record(seconds, attributes);
          else
            requestDuration.record(seconds, {
              ...attributes,
              [attributeNames.errorType]: codeOf(failure.error),
            });
          if (hasObjects && run.frame !== undefined) requestObjects.record(run.frame.objects, attributes);
        },
      );
    };
  }
}

/** Records the duration of each step that has succeeded. */
@injectable()
export class RecordSteps implements NodeLayer {
  readonly name = 'record';
  readonly order = order;
  readonly #instruments: Instruments;

  constructor(@inject(Instruments) instruments: Instruments) {
    this.#instruments = instruments;
  }

  wrap({ alias, verb }: PlanNode, next: RunNode, plan: Plan): RunNode | undefined {
    if (!records(plan)) return undefined;
    const attributes = {
      [attributeNames.pipeline]: plan.name,
      [attributeNames.step]: alias,
      [attributeNames.verb]: verb,
    };
    return (run) => {
      const from = performance.now();
      return around(
        () => next(run),
        (failure) => {
          if (failure === undefined)
            this.#instruments.stepDuration.record((performance.now() - from) / 1000, attributes);
        },
      );
    };
  }
}
