import assert from 'node:assert/strict';
import type { Tensor } from '../data/tensor.js';
import { isVivaceError } from '../kernel/errors.js';
import type { Bundle, Signature } from '../models/bundle.js';
import type { RunningPart } from '../parts/create-part.js';
import { predictorRuntime, type PredictorInstance } from '../ports/predictor-runtime.js';
import { lifecycleContract } from './lifecycle-contract.js';
import type { ContractSetup } from './runner.js';
import { withHook } from './with-hook.js';
import { callContext } from './start-part.js';

/** The model of the contract: y = x[0] + 2 · x[1]; where `picky`, it throws if some x[0] is below −1. */
export const affineSignature: Signature = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2], columns: ['a', 'b'] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
  over: 'row',
};

export interface PredictorRuntimeSetup extends ContractSetup<RunningPart> {
  /** A bundle with `affineSignature` that this runtime loads. */
  readonly bundle: Bundle;
  /** The same model, which throws where some x[0] is below −1. */
  readonly picky: Bundle;
  /** A bundle whose files are no model; left out where every bundle loads. */
  readonly broken?: Bundle;
  /** Ends an instance from outside, as a crash would; left out where nothing can end it. */
  readonly kill?: (instance: PredictorInstance) => void | Promise<void>;
  /** A model that never answers; left out where `kill` must not come while a call runs. */
  readonly endless?: Bundle;
}

/** The input of `affineSignature` for some rows. */
export function affineInput(...rows: readonly (readonly [number, number])[]): Tensor[] {
  return [{ name: 'x', datatype: 'FP32', shape: [rows.length, 2], data: Float32Array.from(rows.flat()) }];
}

const context = (rows: number): { rows: number; signal: AbortSignal } => ({ rows, ...callContext() });
const values = (outputs: readonly Tensor[]): number[] => Array.from(outputs[0]!.data as Float32Array);
const failsWith =
  (code: string) =>
  (error: unknown): boolean =>
    isVivaceError(error) && error.code === code;

/** What every `PredictorRuntime` promises. */
export function predictorRuntimeContract(setup: PredictorRuntimeSetup): void {
  const { runner, make, bundle, picky, broken, kill, endless } = setup;
  const { describe, it, beforeEach, afterEach } = runner;
  describe('PredictorRuntime contract', () => {
    let part: RunningPart;
    const loaded: PredictorInstance[] = [];
    const load = async (of: Bundle = bundle): Promise<PredictorInstance> => {
      const instance = await part.face(predictorRuntime).load(of, callContext());
      loaded.push(instance);
      return instance;
    };
    beforeEach(async () => {
      part = await make();
      await part.start(callContext());
    });
    afterEach(async () => {
      await Promise.all(loaded.splice(0).map((instance) => instance.unload()));
      await part.stop();
    });

    it('says what it hosts', () => {
      assert.ok(part.face(predictorRuntime).hosts.includes(bundle.manifest.runtime));
    });

    it('answers with the outputs of the signature, in its order, one row per row', async () => {
      const outputs = await (await load()).predict(affineInput([1, 2], [3, 4]), context(2));
      const { name, datatype, shape } = outputs[0]!;
      assert.deepEqual({ name, datatype, shape: [...shape] }, { name: 'y', datatype: 'FP32', shape: [2, 1] });
      assert.deepEqual(values(outputs), [5, 11]);
    });

    it('answers one row and many', async () => {
      const instance = await load();
      assert.deepEqual(values(await instance.predict(affineInput([7, 1]), context(1))), [9]);
      const rows = Array.from({ length: 5_000 }, (_, i): [number, number] => [i, i]);
      const answers = values(await instance.predict(affineInput(...rows), context(rows.length)));
      assert.deepEqual(
        answers,
        rows.map(([a, b]) => a + 2 * b),
      );
    });

    it('takes data that is a view into a larger buffer, and leaves the rest of the buffer alone', async () => {
      const all = Float32Array.from({ length: 3_000 }, (_, i) => i);
      const data = all.subarray(2, 1_002);
      const outputs = await (
        await load()
      ).predict([{ name: 'x', datatype: 'FP32', shape: [500, 2], data }], context(500));
      assert.equal(values(outputs)[499], 1_000 + 2 * 1_001);
      assert.equal(all[2_999], 2_999);
    });

    it('keeps NaN and infinities', async () => {
      const outputs = await (
        await load()
      ).predict(affineInput([NaN, 1], [Infinity, 1], [0, -Infinity]), context(3));
      assert.deepEqual(values(outputs), [NaN, Infinity, -Infinity]);
    });

    it('gives each call its own answer, whatever follows', async () => {
      const instance = await load();
      const first = await instance.predict(affineInput([1, 1]), context(1));
      await instance.predict(affineInput([5, 5]), context(1));
      assert.deepEqual(values(first), [3]);
    });

    for (const rows of [1, 2_000]) {
      it(`gives outputs of ${rows} rows that stay what they are, whatever follows`, async () => {
        const instance = await load();
        const ask = async (value: number): Promise<{ inputs: Tensor[]; outputs: readonly Tensor[] }> => {
          const inputs = affineInput(...Array.from({ length: rows }, (): [number, number] => [value, value]));
          return { inputs, outputs: await instance.predict(inputs, context(rows)) };
        };
        const first = await ask(1);
        await ask(5);
        assert.deepEqual(values(first.outputs), new Array(rows).fill(3), 'the next call changed them');
        const x = first.inputs[0]!.data as Float32Array;
        // What was transferred has no elements left.
        if (x.length > 0) x.fill(-1);
        assert.deepEqual(values(first.outputs), new Array(rows).fill(3), 'they are memory of the inputs');
        (first.outputs[0]!.data as Float32Array).fill(-1);
        const again = await ask(1);
        assert.deepEqual(values(again.outputs), new Array(rows).fill(3), 'the model uses them again');
      });
    }

    it('reports what the model threw as PREDICTOR_FAILED, and goes on', async () => {
      const instance = await load(picky);
      await assert.rejects(instance.predict(affineInput([-5, 0]), context(1)), failsWith('PREDICTOR_FAILED'));
      assert.deepEqual(values(await instance.predict(affineInput([1, 0]), context(1))), [1]);
    });

    it('answers the next call after one whose caller gave up', async () => {
      const instance = await load();
      const controller = new AbortController();
      const left = instance
        .predict(affineInput([1, 1]), { rows: 1, signal: controller.signal })
        .catch(() => undefined);
      controller.abort();
      await left;
      assert.deepEqual(values(await instance.predict(affineInput([2, 2]), context(1))), [6]);
    });

    it('gives instances that live and end on their own', async () => {
      const [first, second] = [await load(), await load()];
      loaded.splice(loaded.indexOf(first), 1);
      await first.unload();
      await first.closed;
      assert.deepEqual(values(await second.predict(affineInput([1, 1]), context(1))), [3]);
    });

    withHook(it, broken)('refuses to load with FAILED_PRECONDITION what is no model', async (broken) => {
      await assert.rejects(load(broken), failsWith('FAILED_PRECONDITION'));
    });

    it('does not load for a caller who has left', async () => {
      const signal = AbortSignal.abort();
      await assert.rejects(part.face(predictorRuntime).load(bundle, { signal }), failsWith('CANCELLED'));
    });

    withHook(it, kill === undefined || endless === undefined ? undefined : { kill, endless })(
      'says that an instance died, before it fails the call that was running',
      async (hooks) => {
        const instance = await load(hooks.endless);
        const order: string[] = [];
        const closed = instance.closed.then(() => order.push('closed'));
        const failed = instance.predict(affineInput([1, 1]), context(1)).catch((error: unknown) => {
          order.push('failed');
          throw error;
        });
        const expected = assert.rejects(failed, failsWith('UNAVAILABLE'));
        await hooks.kill(instance);
        await expected;
        await closed;
        assert.deepEqual(order, ['closed', 'failed']);
      },
    );

    withHook(it, kill)(
      'refuses calls to a dead instance as never started, the tensors untouched',
      async (kill) => {
        const instance = await load();
        await kill(instance);
        await instance.closed;
        const inputs = affineInput(...Array.from({ length: 1_000 }, (): [number, number] => [1, 1]));
        await assert.rejects(
          instance.predict(inputs, context(1_000)),
          (error) => isVivaceError(error) && error.code === 'UNAVAILABLE' && error.started === false,
        );
        assert.equal(inputs[0]!.data.length, 2_000);
      },
    );

    lifecycleContract({ runner, make }, async (started) => {
      await (await started.face(predictorRuntime).load(bundle, callContext())).unload();
    });
  });
}
