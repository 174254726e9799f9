import assert from 'node:assert/strict';
import type { Tensor } from '../data/tensor.js';
import { isVivaceError } from '../errors.js';
import type { RunningPart } from '../parts/create-part.js';
import { predictor, type Predictor } from '../ports/predictor.js';
import { lifecycleContract } from './lifecycle-contract.js';
import { affineInput, affineSignature } from './predictor-runtime-contract.js';
import type { ContractSetup } from './runner.js';
import { callContext } from './start-part.js';

/**
 * What every `Predictor` promises.
 *
 * @param setup.make Gives a part that serves the model of `affineSignature`, y = x[0] + 2 · x[1], not started.
 */
export function predictorContract({ runner, make }: ContractSetup<RunningPart>): void {
  const { describe, it, beforeEach, afterEach } = runner;
  const valuesOf = (outputs: readonly Tensor[]): number[] => Array.from(outputs[0]!.data as Float32Array);

  describe('Predictor contract', () => {
    let part: RunningPart;
    let model: Predictor;
    const ask = async (...rows: (readonly [number, number])[]): Promise<number[]> =>
      valuesOf((await model.predict(affineInput(...rows), { rows: rows.length, ...callContext() })).outputs);
    beforeEach(async () => {
      part = await make();
      await part.start(callContext());
      model = part.face(predictor);
    });
    afterEach(() => part.stop());

    it('describes the model that it serves', async () => {
      const described = await model.describe(callContext());
      assert.deepEqual(described.signature, affineSignature);
      assert.deepEqual(model.serving(), described.model);
    });

    it('answers each row in its place, with the model that answered', async () => {
      assert.deepEqual(await ask([1, 2], [0, 0], [-3, 5]), [5, 0, 7]);
      const { model: answered } = await model.predict(affineInput([1, 1]), { rows: 1, ...callContext() });
      assert.deepEqual(answered, model.serving());
    });

    it('gives calls that run at the same time each its own rows', async () => {
      const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => ask([i, i], [i, 0])));
      assert.deepEqual(
        answers,
        answers.map((_, i) => [3 * i, i]),
      );
    });

    it('refuses tensors that are not as its signature says, and serves on', async () => {
      const wrong = [{ ...affineInput([1, 2])[0]!, shape: [1, 3], data: Float32Array.of(1, 2, 3) }];
      await assert.rejects(
        async () => model.predict(wrong, { rows: 1, ...callContext() }),
        (error) => isVivaceError(error) && error.code === 'INVALID_ARGUMENT',
      );
      assert.deepEqual(await ask([1, 1]), [3]);
    });

    it('does not begin for a caller who has left', async () => {
      const signal = AbortSignal.abort();
      await assert.rejects(
        async () => model.predict(affineInput([1, 1]), { rows: 1, signal }),
        (error) => isVivaceError(error) && error.code === 'CANCELLED',
      );
    });

    lifecycleContract({ runner, make }, async (started) => {
      await started.face(predictor).predict(affineInput([1, 1]), { rows: 1, ...callContext() });
    });
  });
}
