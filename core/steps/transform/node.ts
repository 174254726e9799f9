import type { FunctionNode } from '../../pipeline/inputs.js';

/** A transform in a plan. */
export interface TransformNode extends FunctionNode {
  readonly part: string;
  /** What the part is, as the catalogue says. */
  readonly identity: string;
}
