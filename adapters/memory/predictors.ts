import {
  VivaceError,
  abortError,
  isVivaceError,
  messageOf,
  type CallContext,
  type MaybePromise,
  type PredictContext,
  type PredictorInstance,
  type PredictorRuntime,
  type Tensor,
} from 'vivace';
import { copyTensor } from 'vivace/wire';
import { z } from 'zod';

/**
 * A model as a function: tensors in the order of the signature's inputs, to tensors in the order of its outputs. It may keep what it
 * gives, and fill it again: the outputs are copied.
 */
export type PredictFunction = (
  inputs: readonly Tensor[],
  context: PredictContext,
) => MaybePromise<readonly Tensor[]>;

/** A `PredictorRuntime` over a function: every bundle is that function. */
export class FunctionRuntime implements PredictorRuntime {
  readonly hosts: readonly string[];
  readonly #predict: PredictFunction | undefined;

  constructor(predict: PredictFunction | undefined, hosts: readonly string[]) {
    this.#predict = predict;
    this.hosts = hosts;
  }

  async load(_bundle: unknown, { signal }: CallContext): Promise<PredictorInstance> {
    if (signal.aborted) throw abortError(signal);
    const predict = this.#predict;
    if (predict === undefined) {
      throw new VivaceError(
        'FAILED_PRECONDITION',
        'memory has no model: give it one in code, "predict: (inputs, context) => outputs"',
      );
    }
    let close: (reason: string) => void;
    const closed = new Promise<string>((resolve) => (close = resolve));
    return Promise.resolve({
      closed,
      async predict(inputs, context) {
        try {
          return (await predict(inputs, context)).map(copyTensor);
        } catch (cause) {
          if (isVivaceError(cause)) throw cause;
          throw new VivaceError('PREDICTOR_FAILED', `the model threw: ${messageOf(cause)}`, { cause });
        }
      },
      async unload() {
        close('the model was unloaded');
        return Promise.resolve();
      },
    });
  }
}

/** Options of a runtime over a function, which only code can give. */
export const predictorOptions = {
  predict: z
    .custom<PredictFunction>((value) => typeof value === 'function', 'a function of tensors')
    .optional()
    .describe('models: (inputs, context) => outputs, which only code can give; without it no model loads'),
  hosts: z
    .array(z.string())
    .default(['memory'])
    .describe('models: the `runtime` values of bundles that are this function; default memory'),
};
