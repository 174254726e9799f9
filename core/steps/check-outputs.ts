import { checkTensor, wrongName, type Tensor } from '../data/tensor.js';
import { VivaceError } from '../kernel/errors.js';
import type { TensorSpec } from '../models/bundle.js';

/** The outputs that a model declares. */
export interface DeclaredOutputs {
  /** The predictor part, for errors. */
  readonly part: string;
  readonly outputs: readonly TensorSpec[];
}

/**
 * Holds a model to its signature.
 *
 * @throws {VivaceError} `PREDICTOR_FAILED` where an output is missing, or is not what the signature declares for `rows` rows.
 */
export function checkOutputs(model: DeclaredOutputs, outputs: readonly Tensor[], rows: number): void {
  model.outputs.forEach((declared, i) => {
    const output = (outputs as Partial<readonly Tensor[]> | undefined)?.[i];
    const wrong =
      output === undefined
        ? 'is missing'
        : (wrongName(output, declared) ?? checkTensor(output, declared, rows));
    if (wrong !== undefined) {
      throw new VivaceError('PREDICTOR_FAILED', `${model.part}: output "${declared.name}" ${wrong}`);
    }
  });
}
