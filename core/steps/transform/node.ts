import type { FunctionNode } from '../../pipeline/inputs.js';

/** A transform in a plan. */
export interface TransformNode extends FunctionNode {
  readonly part: string;
}
