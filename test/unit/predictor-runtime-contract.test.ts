import { expect } from 'chai';
import { defineAdapter, predictorRuntime, VivaceError, type Signature, type Tensor } from 'vivace';
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

  it('fails one whose values are wrong, in another order, or of another shape', async () => {
    const wrong: readonly Predict[] = [
      (inputs, context) => {
        const [y] = affine(inputs, context);
        return [{ ...y!, data: (y!.data as Float32Array).map((value) => value * 1.001) }];
      },
      (inputs, context) => {
        const [y] = affine(inputs, context);
        return [{ ...y!, data: (y!.data as Float32Array).toReversed() }];
      },
      (inputs, context) => affine(inputs, context).map((y) => ({ ...y, shape: [context.rows] })),
      (inputs, context) => affine(inputs, context).map((y) => ({ ...y, name: 'z' })),
    ];
    for (const predict of wrong) {
      expect(await failuresOf(predict)).to.include(
        'answers with the outputs of the signature, in its order, one row per row',
      );
    }
  });

  it('fails one that mixes up instances that run at the same time', async () => {
    let last: readonly Tensor[] = [];
    const failed = await failuresOf((async (
      inputs: readonly Tensor[],
      context: { readonly rows: number },
    ) => {
      last = inputs;
      await Promise.resolve();
      return affine(last.length > 0 && last[0]!.shape[0] === context.rows ? last : inputs, context);
    }) as unknown as Predict);
    expect(failed).to.include('answers instances that run at the same time each with its own rows');
  });

  it('fails one that writes around the data of its inputs', async () => {
    const failed = await failuresOf((inputs, context) => {
      const { buffer, byteOffset } = inputs[0]!.data as Float32Array;
      const answer = affine(inputs, context);
      if (byteOffset > 0) new Uint8Array(buffer).fill(0, 0, byteOffset);
      return answer;
    });
    expect(failed).to.include(
      'takes data that is a view into a larger buffer, and leaves the rest of the buffer alone',
    );
  });

  it('passes a look-up, a tree and a model over requests, and fails wrong ones', async () => {
    const name = 'wrong';
    const texts = {
      inputs: [{ name: 'colour', datatype: 'BYTES', shape: [-1, 1] }],
      outputs: [
        { name: 'hex', datatype: 'BYTES', shape: [-1, 1] },
        { name: 'warm', datatype: 'BOOL', shape: [-1] },
      ],
      over: 'row',
    } as const;
    const hex: Readonly<Record<string, string>> = { red: '#f00', blue: '#00f' };
    const lookUp =
      (otherwise: string): Predict =>
      ([colour], { rows }) => {
        const data = (colour!.data as string[]).map((text) => hex[text] ?? otherwise);
        return [
          { name: 'hex', datatype: 'BYTES', shape: [rows, 1], data },
          {
            name: 'warm',
            datatype: 'BOOL',
            shape: [rows],
            data: Uint8Array.from(colour!.data as string[], (text) => Number(text === 'red')),
          },
        ];
      };
    const rows = [
      { inputs: { colour: 'red' }, outputs: { hex: '#f00', warm: true } },
      { inputs: { colour: 'blue' }, outputs: { hex: '#00f', warm: false } },
      { inputs: { colour: 'żółty' }, outputs: { hex: '', warm: false } },
    ];
    const bundle = fixtureBundle('affine.mjs', structuredClone(texts) as unknown as Signature);
    const failures = (predict: Predict, own: object): Promise<string[]> =>
      contractFailures((runner) =>
        predictorRuntimeContract({
          runner,
          bundle,
          rows,
          ...own,
          make: () => makePart(runtimeOf(predict), {}, { name }),
        }),
      );
    expect(await failures(lookUp(''), {})).to.deep.equal([]);
    expect(await failures(lookUp('none'), {})).to.include(
      'answers with the outputs of the signature, in its order, one row per row',
    );

    // A tree of one split, on the second of three features, and an integer.
    const tree =
      (split: number): Predict =>
      ([x, n], { rows: count }) => {
        const data = Float64Array.from({ length: count }, (_, row) => {
          const leaf = (x!.data as Float64Array)[3 * row + 1]! < split ? 0.1 : 0.9;
          return leaf + Number((n!.data as BigInt64Array)[row]);
        });
        return [{ name: 'score', datatype: 'FP64', shape: [count, 1], data }];
      };
    const own = {
      bundle: fixtureBundle('affine.mjs', {
        inputs: [
          { name: 'x', datatype: 'FP64', shape: [-1, 3] },
          { name: 'n', datatype: 'INT64', shape: [-1, 1] },
        ],
        outputs: [{ name: 'score', datatype: 'FP64', shape: [-1, 1] }],
        over: 'row',
      }),
      rows: [
        { inputs: { x: [9, 1, 9], n: 0 }, outputs: { score: 0.1 } },
        { inputs: { x: [0, 3, 0], n: 2n }, outputs: { score: 2.9 } },
        { inputs: { x: [5, 2, 5], n: 0 }, outputs: { score: 0.9 } },
      ],
    };
    expect(await failures(tree(2), own)).to.deep.equal([]);
    expect(await failures(tree(2.5), own)).to.include(
      'answers one row and many, each row the same wherever it stands',
    );
  });

  it('says which setup proves nothing', async () => {
    const failed = await contractFailures((runner) =>
      predictorRuntimeContract({
        runner,
        bundle: fixtureBundle('affine.mjs'),
        rows: [affineRows[0]!, affineRows[0]!],
        make: () => makePart(runtimeOf(affine)),
      }),
    );
    expect(failed).to.deep.equal(['is given at least two rows that differ in what they must give']);
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
