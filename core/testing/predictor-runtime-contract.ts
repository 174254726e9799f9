import assert from 'node:assert/strict';
import { copyFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Tensor, TensorData } from '../data/tensor.js';
import { isVivaceError } from '../kernel/errors.js';
import { makeDirectory } from '../kit/make-directory.js';
import type { Bundle } from '../models/bundle.js';
import type { RunningPart } from '../parts/create-part.js';
import {
  predictorRuntime,
  type ModelCheck,
  type PredictContext,
  type PredictorInstance,
} from '../ports/predictor-runtime.js';
import { lifecycleContract } from './lifecycle-contract.js';
import { assertOutputs, batchOf, overwrite, tensorOf, type BatchShape, type ModelRow } from './model-rows.js';
import type { ContractSetup } from './runner.js';
import { withFile } from './with-file.js';
import { withHook } from './with-hook.js';
import { callContext } from './start-part.js';

export interface PredictorRuntimeSetup extends ContractSetup<RunningPart> {
  /** A model that this runtime loads; its manifest holds the signature. */
  readonly bundle: Bundle;
  /**
   * Rows, and what the model must give for them: at least two, with different outputs. A model with `over: 'request'` gets all of them as
   * one request.
   */
  readonly rows: readonly ModelRow[];
  /** How far a float may be from its expected value, relative to it. Default: 1e-5. */
  readonly tolerance?: number;
  /**
   * Inputs of one row on which a model throws: `bundle`, or another one that answers the first of `rows` as `bundle` does. Left out where
   * none throws.
   */
  readonly failing?: { readonly inputs: ModelRow['inputs']; readonly bundle?: Bundle };
  /** A bundle whose files are not a model; left out where every bundle loads. */
  readonly broken?: Bundle;
  /** Ends an instance from outside, as a crash would; left out where nothing can end it. */
  readonly kill?: (instance: PredictorInstance) => void | Promise<void>;
  /** A model of the same signature that never answers; left out where `kill` must not come while a call runs. */
  readonly endless?: Bundle;
}

const failsWith =
  (code: string) =>
  (error: unknown): boolean =>
    isVivaceError(error) && error.code === code;

/** What every `PredictorRuntime` promises, of whatever model. */
export function predictorRuntimeContract(setup: PredictorRuntimeSetup): void {
  const { runner, make, bundle, rows, tolerance = 1e-5, failing, broken, kill, endless } = setup;
  const { signature } = bundle.manifest;
  const { describe, it, beforeEach, afterEach } = runner;

  const batch = (count: number, first = 0): ReturnType<typeof batchOf> =>
    batchOf(signature, rows, count, first);
  const contextOf = ({ rows: count, offsets }: BatchShape, call = callContext()): PredictContext => ({
    rows: count,
    ...(offsets === undefined ? {} : { offsets }),
    ...call,
  });
  const check = (outputs: readonly Tensor[], expected: readonly ModelRow[], why?: string): void =>
    assertOutputs(outputs, signature, {
      expected,
      tolerance,
      ...(why === undefined ? {} : { why: `: ${why}` }),
    });
  /** Predicts some rows, and checks what comes. */
  const ask = async (instance: PredictorInstance, count = rows.length, first = 0): Promise<void> => {
    const { expected, ...asked } = batch(count, first);
    check(await instance.predict(asked.inputs, contextOf(asked)), expected);
  };

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

    it('is given at least two rows that differ in what they must give', () => {
      const { expected } = batch(rows.length);
      assert.ok(expected.length >= 2, 'give the contract two rows');
      assert.throws(
        () => check(outputsOf(expected), [...expected].reverse()),
        'give the contract rows with different expected outputs, in an order that matters',
      );
    });

    it('answers with the outputs of the signature, in its order, one row per row', async () => {
      await ask(await load());
    });

    it('answers one row and many, each row the same wherever it stands', async () => {
      const instance = await load();
      if (signature.over !== 'request') for (const first of rows.keys()) await ask(instance, 1, first);
      await ask(instance, 5_000);
      await ask(instance, rows.length, 1);
    });

    it('takes data that is a view into a larger buffer, and leaves the rest of the buffer alone', async () => {
      const { inputs, expected, ...shape } = batch(500);
      const larger = inputs.map((tensor) => within(tensor));
      const outputs = await (
        await load()
      ).predict(
        larger.map(({ tensor }) => tensor),
        contextOf(shape),
      );
      check(outputs, expected);
      larger.forEach(({ intact }, i) =>
        assert.ok(intact(), `the buffer around "${inputs[i]!.name}" was written to or taken away`),
      );
    });

    it('gives each call its own answer, whatever follows', async () => {
      const instance = await load();
      const { inputs, expected, ...shape } = batch(1);
      const first = await instance.predict(inputs, contextOf(shape));
      await ask(instance, 1, 1);
      check(first, expected, 'the next call changed them');
    });

    for (const count of [1, 2_000]) {
      it(`gives outputs of ${count} rows that stay what they are, whatever follows`, async () => {
        const instance = await load();
        const { inputs, expected, ...shape } = batch(count);
        const outputs = await instance.predict(inputs, contextOf(shape));
        await ask(instance, count, 1);
        check(outputs, expected, 'the next call changed them');
        for (const { data } of inputs) overwrite(data);
        check(outputs, expected, 'they are memory of the inputs');
        for (const { data } of outputs) overwrite(data);
        const again = batch(count);
        const after = await instance.predict(again.inputs, contextOf(again));
        check(after, expected, 'the model uses them again');
        const other = batch(count);
        check(await instance.predict(other.inputs, contextOf(other)), expected);
        check(after, expected, 'an equal call gives the same memory');
      });
    }

    it('answers instances that run at the same time each with its own rows', async () => {
      const instances = await Promise.all(rows.slice(0, 4).map(() => load()));
      for (const count of [1, 300]) await Promise.all(instances.map((one, first) => ask(one, count, first)));
    });

    withHook(it, failing)(
      'reports what the model threw as PREDICTOR_FAILED, and goes on',
      async (failing) => {
        const instance = await load(failing.bundle);
        const shape = { rows: 1, ...(signature.over === 'request' ? { offsets: Uint32Array.of(0, 1) } : {}) };
        const { inputs } = batchOf(signature, [{ inputs: failing.inputs, outputs: {} }], 1);
        await assert.rejects(instance.predict(inputs, contextOf(shape)), failsWith('PREDICTOR_FAILED'));
        await ask(instance, 1);
      },
    );

    it('answers the next call after one whose caller gave up', async () => {
      const instance = await load();
      const controller = new AbortController();
      const { inputs, ...shape } = batch(1);
      const left = instance
        .predict(inputs, contextOf(shape, { signal: controller.signal }))
        .catch(() => undefined);
      controller.abort();
      await left;
      await ask(instance, 1, 1);
    });

    it('gives instances that live and end on their own', async () => {
      const [first, second] = [await load(), await load()];
      loaded.splice(loaded.indexOf(first), 1);
      await first.unload();
      await first.closed;
      await ask(second);
    });

    withHook(it, broken)('refuses to load what is not a model, with FAILED_PRECONDITION', async (broken) => {
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
        const { inputs, ...shape } = batch(1);
        const failed = instance.predict(inputs, contextOf(shape)).catch((error: unknown) => {
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
        const { inputs, ...shape } = batch(1_000);
        const before = inputs.map(({ data }) => data.slice());
        await assert.rejects(
          instance.predict(inputs, contextOf(shape)),
          (error) => isVivaceError(error) && error.code === 'UNAVAILABLE' && error.started === false,
        );
        assert.deepEqual(
          inputs.map(({ data }) => data),
          before,
        );
      },
    );

    it('finds that the bundle serves, where it checks any, and that a broken one does not', async () => {
      const runtime = part.face(predictorRuntime);
      if (runtime.check === undefined) return;
      const checked = async (of: Bundle): Promise<ModelCheck> =>
        withManifest(of, (pushed) => runtime.check!(pushed, callContext()));
      const found = await checked(bundle);
      assert.ok(found.passed, found.passed ? '' : found.reason);
      assert.equal(found.selfTest, 'none');
      assert.ok(found.timings.length > 0 && found.timings.every(({ p50Ms, p99Ms }) => p50Ms <= p99Ms));
      // Nothing is left that the next load would find.
      await ask(await load());
      if (broken === undefined) return;
      const failed = await checked(broken);
      assert.ok(!failed.passed && failed.reason !== '', 'a broken bundle passed');
    });

    lifecycleContract({
      runner,
      make,
      port: predictorRuntime,
      calls: {
        load: {
          open: (started, call) => started.load(bundle, call),
          handle: {
            predict: (instance, call) => {
              const { inputs, ...shape } = batch(1);
              return instance.predict(inputs, contextOf(shape, call));
            },
            unload: (instance) => instance.unload(),
          },
        },
        inspect: (started, call) => started.inspect?.(join(bundle.directory, bundle.manifest.entry), call),
        otherFiles: (started, call) =>
          started.otherFiles?.(join(bundle.directory, bundle.manifest.entry), call),
        check: (started, call) => started.check?.(bundle, call),
      },
    });

    /** The outputs that a right model gives. */
    function outputsOf(expected: readonly ModelRow[]): Tensor[] {
      return signature.outputs.map((spec) =>
        tensorOf(
          spec,
          expected.map((row) => row.outputs[spec.name]),
        ),
      );
    }
  });
}

/** Lends a bundle as a push lays it out: a directory with its files and its manifest, and nothing else. */
async function withManifest<T>(
  { manifest, directory }: Bundle,
  work: (bundle: Bundle) => Promise<T>,
): Promise<T> {
  return withFile('model.json', async (path) => {
    const copy = dirname(path);
    for (const file of manifest.files) {
      await makeDirectory(dirname(join(copy, file.path)));
      await copyFile(join(directory, file.path), join(copy, file.path));
    }
    await writeFile(path, JSON.stringify(manifest));
    return work({ manifest, directory: copy });
  });
}

/** A tensor whose data is a view into a larger buffer, and whether the rest of that still is what it was. */
function within(tensor: Tensor): { readonly tensor: Tensor; readonly intact: () => boolean } {
  const { data } = tensor;
  if (Array.isArray(data)) return { tensor, intact: () => true };
  const around = 3;
  // One construct signature for all of them: TypeScript does not resolve a union's.
  const larger = new (data.constructor as Float32ArrayConstructor)(data.length + 2 * around);
  overwrite(larger);
  const before = larger.slice(0, around);
  larger.set(data as Float32Array, around);
  const view: TensorData = larger.subarray(around, around + data.length);
  return {
    tensor: { ...tensor, data: view },
    intact: () =>
      [larger.subarray(0, around), larger.subarray(around + data.length)].every(
        (rest) => rest.length === around && rest.every((value, i) => value === before[i]),
      ),
  };
}
