import { inject, injectable } from 'inversify';
import { functionColumns, type FunctionNode } from '../../pipeline/inputs.js';
import type { NodeRun } from '../../pipeline/run.js';
import { stepNode, stepSlot, type NodeStep } from '../../pipeline/step-definition.js';
import type { Transform } from '../../ports/transform.js';

/** Applies a pure function to columns, the same online and offline. */
@injectable()
export class ApplyTransform implements NodeStep {
  readonly #node: FunctionNode;
  readonly #transform: Transform;

  constructor(@inject(stepNode) node: FunctionNode, @inject(stepSlot('transform')) transform: Transform) {
    this.#node = node;
    this.#transform = transform;
  }

  run({ frame }: NodeRun): void {
    const { input, out, write } = functionColumns(this.#node, frame);
    this.#transform.apply(input, out);
    write();
  }
}
