import assert from 'node:assert/strict';
import type { Tensor } from '../data/tensor.js';
import { isVivaceError, type ErrorCode } from '../kernel/errors.js';
import type { RunningPart } from '../parts/create-part.js';
import type { ModelVersion } from '../ports/model-repository.js';
import { predictor, type ModelIdentity, type Prediction, type Predictor } from '../ports/predictor.js';
import { lifecycleContract } from './lifecycle-contract.js';
import { affineInput, affineSignature } from './affine.js';
import type { ContractSetup } from './runner.js';
import { withHook } from './with-hook.js';
import { callContext } from './start-part.js';

export interface PredictorSetup extends ContractSetup<RunningPart> {
  /** What the part serves: the model of `affineSignature`, y = x[0] + 2 · x[1], which throws where some x[0] is below −1. */
  readonly model: ModelVersion;
  /** Holds the answers of the model back until the function that it returns is called; left out where nothing can. */
  readonly hold?: () => () => void;
  /** Takes the model away from the part that runs, and lets none load; resolved once none is loaded. Left out where nothing can. */
  readonly lose?: () => Promise<void>;
  /** Makes another version of the same model the one to serve, without telling the part; left out where it follows no repository. */
  readonly release?: () => Promise<ModelVersion>;
}

type Row = readonly [number, number];

const context = (rows: number, signal = callContext().signal) => ({ rows, signal });
const has = (code: ErrorCode) => (error: unknown) => isVivaceError(error) && error.code === code;
const valuesOf = ({ outputs }: Prediction): number[] => Array.from(outputs[0]!.data as Float32Array);
const answerTo = (rows: readonly Row[]): number[] => rows.map(([a, b]) => a + 2 * b);

/** A digest is part of the keys of cached answers. */
const longestDigest = 200;

/** Asserts that it is the version that was meant, and says by its digest what it is. */
function identified(found: ModelIdentity | undefined, { name, version }: ModelVersion): void {
  assert.deepEqual({ name: found?.name, version: found?.version }, { name, version });
  const { digest } = found!;
  assert.ok(
    typeof digest === 'string' && digest.length > 0 && digest.length <= longestDigest,
    `the digest of ${name} ${version} is a text of 1 to ${longestDigest} characters`,
  );
}

/** What every `Predictor` promises. */
export function predictorContract({ runner, make, model, hold, lose, release }: PredictorSetup): void {
  const { describe, it, beforeEach, afterEach } = runner;
  describe('Predictor contract', () => {
    let part: RunningPart;
    let subject: Predictor;
    beforeEach(async () => {
      part = await make();
      await part.start(callContext());
      subject = part.face(predictor);
    });
    afterEach(() => part.stop());

    const ask = async (...rows: Row[]): Promise<number[]> =>
      valuesOf(await subject.predict(affineInput(...rows), context(rows.length)));

    it('describes the model and its signature', async () => {
      const described = await subject.describe(callContext());
      identified(described.model, model);
      assert.deepEqual(described.signature, affineSignature);
    });

    it('says which version serves, and which one answered', async () => {
      identified(subject.serving(), model);
      identified((await subject.predict(affineInput([1, 1]), context(1))).model, model);
    });

    it('says in its status what serves, where it has one', () => {
      const status = subject.status?.();
      if (status === undefined) return;
      assert.deepEqual(status.serving, subject.serving());
      const { instances = { loaded: 1, wanted: 1 }, queue = { calls: 0, rows: 0 } } = status;
      assert.ok(instances.loaded >= 1 && instances.loaded <= instances.wanted);
      assert.deepEqual(queue, { calls: 0, rows: 0 });
      assert.equal(status.lastFailure, undefined);
    });

    it('gives one digest wherever it says which model it is', async () => {
      const digests = [
        (await subject.describe(callContext())).model.digest,
        subject.serving()?.digest,
        (await subject.predict(affineInput([1, 1]), context(1))).model.digest,
      ];
      assert.equal(new Set(digests).size, 1, `the digests are ${digests.join(', ')}`);
    });

    it('answers with the outputs of the signature, one row per row', async () => {
      const { outputs } = await subject.predict(affineInput([1, 2], [3, 4], [5, 6]), context(3));
      const { name, datatype, shape } = outputs[0]!;
      assert.equal(outputs.length, 1);
      assert.deepEqual({ name, datatype, shape: [...shape] }, { name: 'y', datatype: 'FP32', shape: [3, 1] });
      assert.deepEqual(Array.from(outputs[0]!.data as Float32Array), [5, 11, 17]);
    });

    it('answers no rows with no rows', async () => {
      const { outputs } = await subject.predict(affineInput(), context(0));
      assert.deepEqual([outputs.length, outputs[0]!.shape[0], outputs[0]!.data.length], [1, 0, 0]);
    });

    it('answers many rows', async () => {
      const rows = Array.from({ length: 5_000 }, (_, i): Row => [i, 1]);
      assert.deepEqual(await ask(...rows), answerTo(rows));
    });

    it('gives each of the calls that run at the same time its own rows', async () => {
      const calls = Array.from({ length: 60 }, (_, call) =>
        Array.from({ length: 1 + (call % 7) }, (__, row): Row => [call, row]),
      );
      const answers = await Promise.all(calls.map((rows) => ask(...rows)));
      assert.deepEqual(answers, calls.map(answerTo));
    });

    it('gives answers that later calls do not change', async () => {
      const first = await subject.predict(affineInput([1, 1]), context(1));
      await ask([9, 9]);
      assert.deepEqual(valuesOf(first), [3]);
    });

    it('fails only the call that the model cannot answer, as PREDICTOR_FAILED', async () => {
      const settled = await Promise.allSettled([ask([1, 0]), ask([-5, 0]), ask([2, 0]), ask([3, 0])]);
      assert.deepEqual(
        settled.map((outcome) =>
          outcome.status === 'fulfilled' ? outcome.value : has('PREDICTOR_FAILED')(outcome.reason),
        ),
        [[1], true, [2], [3]],
      );
    });

    const [x] = affineInput([1, 2], [3, 4]) as [Tensor];
    const wrong: Readonly<Record<string, readonly Tensor[]>> = {
      'no tensor': [],
      'a tensor too many': [x, x],
      'another datatype': [{ ...x, datatype: 'FP64', shape: [2, 2], data: new Float64Array(4) }],
      'rows of another width': [{ ...x, shape: [2, 3], data: new Float32Array(6) }],
      'another number of rows than the call says': [{ ...x, shape: [3, 2], data: new Float32Array(6) }],
      'fewer elements than its shape says': [{ ...x, data: new Float32Array(3) }],
    };
    for (const [what, inputs] of Object.entries(wrong)) {
      it(`refuses ${what} as INVALID_ARGUMENT, and answers the next call`, async () => {
        await assert.rejects(async () => subject.predict(inputs, context(2)), has('INVALID_ARGUMENT'));
        assert.deepEqual(await ask([1, 2]), [5]);
      });
    }

    it('does not predict for a caller who has left', async () => {
      const gone = subject.predict(affineInput([1, 1]), context(1, AbortSignal.abort()));
      await assert.rejects(gone, has('CANCELLED'));
      const late = AbortSignal.abort(new DOMException('late', 'TimeoutError'));
      await assert.rejects(subject.predict(affineInput([1, 1]), context(1, late)), has('DEADLINE_EXCEEDED'));
    });

    it('answers the callers who stay when another leaves', async () => {
      const leaving = new AbortController();
      const left = subject.predict(affineInput([1, 1]), context(1, leaving.signal)).then(valuesOf);
      const stayed = [ask([2, 2]), ask([3, 3])];
      leaving.abort();
      // A caller who leaves when the answer is there already may still get it.
      const outcome = await left.catch((error: unknown) => has('CANCELLED')(error));
      assert.ok(outcome === true || (Array.isArray(outcome) && outcome[0] === 3));
      assert.deepEqual(await Promise.all(stayed), [[6], [9]]);
    });

    withHook(it, hold)('lets a caller leave whom the model keeps waiting', async (hold) => {
      const release = hold();
      const leaving = new AbortController();
      const left = subject.predict(affineInput([1, 1]), context(1, leaving.signal));
      const stayed = ask([2, 2]);
      leaving.abort();
      await assert.rejects(left, has('CANCELLED'));
      release();
      assert.deepEqual(await stayed, [6]);
    });

    withHook(it, lose)(
      'says that nothing serves while no model is loaded, describes it still, and refuses calls unstarted',
      async (lose) => {
        await lose();
        assert.equal(subject.serving(), undefined);
        assert.deepEqual((await subject.describe(callContext())).signature, affineSignature);
        await assert.rejects(
          ask([1, 1]),
          (error) => isVivaceError(error) && error.code === 'UNAVAILABLE' && error.started === false,
        );
      },
    );

    withHook(it, release)('serves a new version as soon as it is asked to look for one', async (release) => {
      const next = await release();
      identified(subject.serving(), model);
      await subject.refresh?.(callContext());
      identified(subject.serving(), next);
      identified((await subject.predict(affineInput([1, 1]), context(1))).model, next);
    });

    withHook(it, release)('serves on where it is asked to look and there is nothing new', async () => {
      await Promise.all([subject.refresh?.(callContext()), subject.refresh?.(callContext())]);
      identified(subject.serving(), model);
      assert.deepEqual(await ask([1, 1]), [3]);
    });

    lifecycleContract({
      runner,
      make,
      port: predictor,
      calls: {
        describe: (started, call) => started.describe(call),
        serving: (started) => started.serving(),
        status: (started) => started.status?.(),
        predict: (started, call) => started.predict(affineInput([1, 1]), { ...call, rows: 1 }),
        refresh: (started, call) => started.refresh?.(call),
      },
    });
  });
}
