import { inject, injectable } from 'inversify';
import { isVivaceError, messageOf, VivaceError } from '../../kernel/errors.js';
import { columnsIn, OutputColumns } from '../../pipeline/inputs.js';
import type { CustomNode } from '../../pipeline/plan.js';
import type { NodeStep, RunContext } from '../../pipeline/run-context.js';
import type { Step } from './step.js';
import { untilAborted } from '../../kernel/until-aborted.js';
import { tokens } from '../tokens.js';

/** Runs a team's own step. */
@injectable()
export class RunCustom implements NodeStep {
  readonly #node: CustomNode;
  readonly #step: Step;

  constructor(@inject(tokens.customNode) node: CustomNode, @inject(tokens.custom) step: Step) {
    this.#node = node;
    this.#step = step;
  }

  run(context: RunContext): void | Promise<void> {
    const { frame } = context;
    const node = this.#node;
    const out = new OutputColumns(node.outputs, frame.rows(node.scope));
    const input = columnsIn(frame, { names: node.inputs, reads: node.reads, scope: node.scope });
    try {
      const running = this.#step.run(input, out, context);
      if (!(running instanceof Promise)) return out.writeTo(frame, node.writes);
      return untilAborted(running, context.signal).then(
        () => out.writeTo(frame, node.writes),
        (error: unknown) => {
          throw this.#wrap(error);
        },
      );
    } catch (error) {
      throw this.#wrap(error);
    }
  }

  #wrap(error: unknown): VivaceError {
    if (isVivaceError(error)) return error;
    return new VivaceError('INTERNAL', `step ${this.#node.alias}: ${messageOf(error)}`, { cause: error });
  }
}
