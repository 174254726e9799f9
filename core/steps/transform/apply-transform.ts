import { inject, injectable } from 'inversify';
import { columnsIn, OutputColumns } from '../../pipeline/inputs.js';
import type { TransformNode } from '../../pipeline/plan.js';
import type { NodeStep, RunContext } from '../../pipeline/run-context.js';
import type { Transform } from '../../ports/transform.js';
import { tokens } from '../tokens.js';

/** Applies a pure function to columns, the same online and offline. */
@injectable()
export class ApplyTransform implements NodeStep {
  readonly #node: TransformNode;
  readonly #transform: Transform;

  constructor(
    @inject(tokens.transformNode) node: TransformNode,
    @inject(tokens.transform) transform: Transform,
  ) {
    this.#node = node;
    this.#transform = transform;
  }

  run({ frame }: RunContext): void {
    const node = this.#node;
    const out = new OutputColumns(node.outputs, frame.rows(node.scope));
    this.#transform.apply(
      columnsIn(frame, { names: node.inputs, reads: node.reads, scope: node.scope }),
      out,
    );
    out.writeTo(frame, node.writes);
  }
}
