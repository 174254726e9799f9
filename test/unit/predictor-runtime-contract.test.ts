import { expect } from 'chai';
import { defineAdapter, predictorRuntime, VivaceError, type Tensor } from 'vivace';
import { affineRows, makePart, pickyRow, predictorRuntimeContract } from 'vivace/testing';
import { z } from 'zod';
import { affine } from '../fixtures/affine.js';
import { fixtureBundle } from '../fixtures/bundles.js';
import { contractFailures } from '../support/contract-failures.js';

type Predict = typeof affine;

/** A runtime that is right but for what its model gives. */
const runtimeOf = (predict: Predict) =>
  defineAdapter({
    provides: predictorRuntime,
    name: 'wrong',
    options: z.strictObject({}),
    create: () => ({
      hosts: ['javascript'],
      async load(_bundle, { signal }) {
        signal.throwIfAborted();
        let close: (reason: string) => void;
        const closed = new Promise<string>((resolve) => (close = resolve));
        return Promise.resolve({
          closed,
          async predict(inputs, context) {
            try {
              return await Promise.resolve(predict(inputs, context));
            } catch (cause) {
              throw new VivaceError('PREDICTOR_FAILED', 'the model threw', { cause });
            }
          },
          unload: async () => Promise.resolve(close('the model was unloaded')),
        });
      },
    }),
  });

async function failuresOf(predict: Predict): Promise<string[]> {
  const bundle = fixtureBundle('affine.mjs');
  return contractFailures((runner) =>
    predictorRuntimeContract({
      runner,
      bundle,
      rows: affineRows,
      failing: { inputs: pickyRow },
      make: () => makePart(runtimeOf(predict)),
    }),
  );
}

/** The affine model's values, in other memory. */
const placed = (data: Float32Array, [y]: readonly Tensor[]): Tensor[] => {
  data.set(y!.data as Float32Array);
  return [{ ...y!, data }];
};
const stays = [1, 2_000].map(
  (rows) => `gives outputs of ${rows} rows that stay what they are, whatever follows`,
);

describe('The PredictorRuntime contract', () => {
  it('passes a runtime whose outputs are the caller’s', async () => {
    expect(await failuresOf(affine)).to.deep.equal([]);
  });

  it('fails one that fills its output buffer again', async () => {
    const buffer = new Float32Array(5_000);
    const failed = await failuresOf((inputs, context) =>
      placed(buffer.subarray(0, context.rows), affine(inputs, context)),
    );
    expect(failed).to.include.members(stays);
  });

  it('fails one that answers in the memory of its inputs', async () => {
    const failed = await failuresOf((inputs, context) =>
      placed((inputs[0]!.data as Float32Array).subarray(0, context.rows), affine(inputs, context)),
    );
    expect(failed).to.include.members(stays);
  });

  it('fails one that gives an answer again that it gave before', async () => {
    const known = new Map<string, Tensor[]>();
    const failed = await failuresOf((inputs, context) => {
      const key = String(inputs[0]!.data);
      const answer = known.get(key) ?? affine(inputs, context);
      known.set(key, answer);
      return answer;
    });
    expect(failed).to.include.members(stays);
  });
});
