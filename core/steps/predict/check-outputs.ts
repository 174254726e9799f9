import { checkTensor, type Tensor } from '../../data/tensor.js';
import { VivaceError } from '../../kernel/errors.js';
import type { PredictNode } from '../../pipeline/plan.js';

/**
 * Holds a model to its signature.
 *
 * @throws {VivaceError} `PREDICTOR_FAILED` where an output is missing, or is not what the signature declares for `rows` rows.
 */
export function checkOutputs(node: PredictNode, outputs: readonly Tensor[], rows: number): void {
  node.outputs.forEach((declared, i) => {
    const output = outputs[i];
    const wrong = output === undefined ? 'is missing' : checkTensor(output, declared, rows);
    if (wrong !== undefined) {
      throw new VivaceError('PREDICTOR_FAILED', `${node.part}: output "${declared.name}" ${wrong}`);
    }
  });
}
