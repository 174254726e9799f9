import { inject, injectable } from 'inversify';
import { functionColumns } from '../../pipeline/inputs.js';
import type { NodeRun } from '../../pipeline/run.js';
import { stepNode, stepSlot, type NodeStep } from '../../pipeline/step-definition.js';
import type { Transform } from '../../ports/transform.js';
import type { TransformNode } from './node.js';

/** Applies a pure function to columns, the same online and offline. */
@injectable()
export class ApplyTransform implements NodeStep {
  readonly #node: TransformNode;
  readonly #transform: Transform;

  constructor(@inject(stepNode) node: TransformNode, @inject(stepSlot('transform')) transform: Transform) {
    this.#node = node;
    this.#transform = transform;
  }

  run({ frame }: NodeRun): void {
    const { input, out, write } = functionColumns(this.#node, frame, this.#node.part);
    this.#transform.apply(input, out);
    write();
  }
}
