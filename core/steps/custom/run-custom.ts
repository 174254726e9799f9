import { inject, injectable, type ServiceIdentifier } from 'inversify';
import { isVivaceError, messageOf, VivaceError } from '../../kernel/errors.js';
import type { MaybePromise } from '../../kernel/call.js';
import { isThenable } from '../../kernel/thenable.js';
import { functionColumns, type FunctionNode } from '../../pipeline/inputs.js';
import type { NodeRun } from '../../pipeline/run.js';
import { stepNode, type NodeStep } from '../../pipeline/step-definition.js';
import { createdStep, type Step } from './step.js';

/** What the author's class or function made. */
export const customStep: ServiceIdentifier<Step> = Symbol.for('vivace.step.custom');

/** Runs a team's own step. */
@injectable()
export class RunCustom implements NodeStep {
  readonly #node: FunctionNode;
  readonly #step: Step;

  constructor(@inject(stepNode) node: FunctionNode, @inject(customStep) step: Step) {
    this.#node = node;
    this.#step = createdStep(node.alias, step);
  }

  run({ frame, call }: NodeRun): MaybePromise<void> {
    const { input, out, write } = functionColumns(this.#node, frame, `step ${this.#node.alias}`);
    try {
      const running = this.#step.run(input, out, call);
      if (!isThenable(running)) return write();
      return Promise.resolve(running)
        .then(write)
        .catch((error: unknown) => {
          throw this.#wrap(error);
        });
    } catch (error) {
      throw this.#wrap(error);
    }
  }

  #wrap(error: unknown): VivaceError {
    if (isVivaceError(error)) return error;
    return new VivaceError('INTERNAL', `step ${this.#node.alias}: ${messageOf(error)}`, { cause: error });
  }
}
