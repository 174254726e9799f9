import { expect } from 'chai';
import { manifestDigest, predictor as port, untilAborted, VivaceError } from 'vivace';
import type { BundleManifest, CallContext, Prediction, Predictor } from 'vivace';
import { affineInput, affineSignature, callContext } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { startPredictor, type PredictorFixture, type PredictorSetup } from '../support/predictor-fixture.js';
import { StagedRuntime } from '../support/staged-runtime.js';

describe('ModelPredictor', () => {
  let fixture: PredictorFixture;
  let predictor: Predictor;
  const start = async (setup: PredictorSetup = {}): Promise<void> => {
    fixture = await startPredictor(setup);
    predictor = fixture.part.face(port);
  };
  afterEach(() => fixture.close());

  const ask = async (value = 1): Promise<Prediction> =>
    predictor.predict(affineInput([value, 0]), { rows: 1, ...callContext() });
  const release = async (version: string, more: Partial<BundleManifest> = {}): Promise<void> =>
    fixture.models.add(version, 'model.bin', { version, alias: 'champion', ...more });
  /** Waits until version `version` answers. */
  const untilServed = async (version: string): Promise<void> => {
    while (predictor.serving()?.version !== version) await new Promise((resolve) => setTimeout(resolve, 1));
  };

  describe('at start', () => {
    const startFailing = async (setup: PredictorSetup): Promise<string> => {
      await start({ ...setup, start: false });
      return failureOf(fixture.part.start(callContext()));
    };

    it('serves the version that the alias names', async () => {
      await start();
      const manifest = await fixture.models.repository.manifest(
        { name: 'affine', version: '1' },
        callContext(),
      );
      const serving = { name: 'affine', version: '1', digest: manifestDigest(manifest) };
      expect(predictor.serving()).to.deep.equal(serving);
      expect((await ask()).model).to.deep.equal(serving);
      expect((await predictor.describe(callContext())).model).to.deep.equal(serving);
    });

    it('describes the signature', async () => {
      await start();
      expect((await predictor.describe(callContext())).signature).to.deep.equal(affineSignature);
    });

    it('loads as many instances as asked', async () => {
      await start({ options: { instances: 3 } });
      expect(fixture.staged.instances).to.have.length(3);
    });

    it('does not abort the signal of a load that succeeded', async () => {
      await start();
      expect(fixture.staged.loadSignals.map(({ aborted }) => aborted)).to.deep.equal([false]);
    });

    it('fails where the model is not there', async () => {
      expect(await startFailing({ options: { model: 'iris' } })).to.match(
        /^NOT_FOUND.*the models are affine/,
      );
    });

    it('fails where an instance does not load, and unloads the others', async () => {
      const staged = new StagedRuntime();
      let loads = 0;
      staged.failLoad = () => (++loads === 2 ? new Error('no memory') : undefined);
      expect(await startFailing({ staged, options: { instances: 3 } })).to.include('no memory');
      expect(staged.instances.map(({ unloaded }) => unloaded)).to.deep.equal([true, true]);
    });

    it('fails where the runtime hosts other models', async () => {
      expect(await startFailing({ more: { runtime: 'onnx' } })).to.match(
        /^FAILED_PRECONDITION.*"onnx".*hosts memory/,
      );
    });

    it('serves a model that fails on a row of zeros, and says so', async () => {
      const staged = new StagedRuntime();
      staged.warm = () => new VivaceError('PREDICTOR_FAILED', 'no such category: 0');
      await start({ staged });
      expect((await ask(1)).outputs[0]!.data[0]).to.equal(1);
      const { level, error } = await fixture.logged(/the model failed on a row of zeros/);
      expect([level, (error as Error).message]).to.deep.equal(['warn', 'staged: no such category: 0']);
    });

    it('does not serve an instance that dies of a row of zeros', async () => {
      const staged = new StagedRuntime();
      staged.warm = () => new VivaceError('UNAVAILABLE', 'out of memory');
      expect(await startFailing({ staged })).to.match(/^UNAVAILABLE.*out of memory/);
      expect(staged.instances[0]!.unloaded).to.equal(true);
    });

    it('warms up with the inputs of the self-test, where there is one', async () => {
      const staged = new StagedRuntime();
      staged.warm = () => new VivaceError('PREDICTOR_FAILED', 'no such category: 0');
      await start({
        staged,
        more: { selfTest: { inputs: { x: [1, 2] }, outputs: { y: [5] }, tolerance: 1e-4 } },
      });
      expect(staged.batches).to.deep.equal([1]);
      expect(fixture.logs.filter(({ level }) => level === 'warn')).to.deep.equal([]);
    });

    it('says where it stands', async () => {
      await start({ options: { instances: 2 } });
      fixture.staged.hold = true;
      const calls = [ask(1), ask(2), ask(3)];
      expect(predictor.status!()).to.deep.equal({
        serving: predictor.serving(),
        wanted: '1',
        instances: { loaded: 2, wanted: 2 },
        queue: { calls: 1, rows: 1 },
      });
      fixture.staged.hold = false;
      for (const held of fixture.staged.held) held.go();
      await Promise.all(calls);
    });

    it('says why the version that should serve does not', async () => {
      await start();
      fixture.staged.failLoad = () => new Error('bad weights');
      await release('2');
      await failureOf(predictor.refresh!(callContext()));
      const { serving, wanted, lastFailure } = predictor.status!();
      expect([serving?.version, wanted]).to.deep.equal(['1', '2']);
      expect(lastFailure).to.include({ version: '2' });
      expect(lastFailure?.message).to.include('bad weights');
      expect(lastFailure?.atMs).to.be.closeTo(Date.now(), 60_000);
    });

    it('passes a self-test that holds', async () => {
      await start({
        options: { warmUp: false },
        more: { selfTest: { inputs: { x: [1, 2, 3, 4] }, outputs: { y: [5, 11] }, tolerance: 1e-4 } },
      });
      expect(predictor.serving()).to.not.equal(undefined);
    });

    it('fails where a value of the self-test is none of its input', async () => {
      const selfTest = { inputs: { x: [1, 2.5] }, outputs: { y: [5] }, tolerance: 1e-4 };
      const [x] = affineSignature.inputs;
      const signature = { ...affineSignature, inputs: [{ ...x!, datatype: 'INT64' as const }] };
      expect(await startFailing({ more: { selfTest, signature }, options: { warmUp: false } })).to.match(
        /^FAILED_PRECONDITION.*self-test failed: 2\.5 is not an INT64/,
      );
    });

    for (const [actual, expected, holds] of [
      [5, 'Infinity', false],
      [5, '-Infinity', false],
      [5, 'NaN', false],
      [-Infinity, 'Infinity', false],
      [NaN, 5, false],
      [Infinity, 5, false],
      [NaN, 'Infinity', false],
      [Infinity, 'Infinity', true],
      [-Infinity, '-Infinity', true],
      [NaN, 'NaN', true],
      [5, '5.00001', true],
    ] as const) {
      it(`${holds ? 'passes' : 'fails'} where the self-test expects ${expected} and the model gives ${actual}`, async () => {
        const staged = new StagedRuntime();
        staged.model = () => [{ name: 'y', datatype: 'FP32', shape: [1], data: Float32Array.of(actual) }];
        const selfTest = { inputs: { x: [1, 2] }, outputs: { y: [expected] }, tolerance: 1e-4 };
        const setup = { staged, more: { selfTest } };
        if (holds) return start(setup);
        expect(await startFailing(setup)).to.include(`"y"[0] is ${actual}, but ${expected} is expected`);
      });
    }

    for (const [what, datatype, value, message] of [
      ['text that is not a number', 'FP32', 'Infinty', '"Infinty" is not a number'],
      ['an empty text', 'FP32', '', '"" is not a number'],
      ['an empty text for an integer', 'INT64', '', '"" is not an INT64'],
      ['a fraction for an integer', 'INT32', 2.5, '2.5 is not a value of INT32'],
      ['a number that is neither 0 nor 1 for a boolean', 'BOOL', 2, '2 is not a value of BOOL'],
      ['a number beyond float32', 'FP32', 1e300, '1e+300 is not a value of FP32'],
    ] as const) {
      it(`fails where an input of the self-test is ${what}`, async () => {
        const selfTest = { inputs: { x: [value, 1] }, outputs: { y: [5] }, tolerance: 1e-4 };
        const [x] = affineSignature.inputs;
        const signature = { ...affineSignature, inputs: [{ ...x!, datatype }] };
        expect(await startFailing({ more: { selfTest, signature }, options: { warmUp: false } })).to.include(
          `self-test failed: ${message}`,
        );
      });
    }

    it('fails where the self-test expects a text that is not a number', async () => {
      const selfTest = { inputs: { x: [1, 2] }, outputs: { y: ['Nan'] }, tolerance: 1e-4 };
      expect(await startFailing({ more: { selfTest }, options: { warmUp: false } })).to.include(
        '"Nan" is not a number',
      );
    });

    it('fails where the self-test does not hold, and says where', async () => {
      const selfTest = { inputs: { x: [1, 2, 3, 4] }, outputs: { y: [5, 12] }, tolerance: 1e-4 };
      expect(await startFailing({ more: { selfTest } })).to.match(
        /^FAILED_PRECONDITION.*self-test failed: "y"\[1\] is 11, but 12 is expected/,
      );
      expect(fixture.staged.instances[0]!.unloaded).to.equal(true);
    });

    it('gives up where loading takes too long', async () => {
      const staged = new StagedRuntime();
      staged.hold = true;
      const selfTest = { inputs: { x: [1, 2] }, outputs: { y: [5] }, tolerance: 1e-4 };
      const failure = await startFailing({ staged, more: { selfTest }, options: { loadTimeoutMs: 1_000 } });
      expect(failure).to.match(/^DEADLINE_EXCEEDED.*did not load in 1000 ms/);
    });
  });

  describe('with a new version', () => {
    const polled = { options: { refreshMs: 1 } };

    it('swaps to it when the alias moves, and unloads the old one', async () => {
      await start(polled);
      await release('2');
      await untilServed('2');
      expect((await ask()).model.version).to.equal('2');
      while (!fixture.staged.instances[0]!.unloaded) await new Promise((resolve) => setTimeout(resolve, 1));
    });

    it('lets the old version finish its calls', async () => {
      await start(polled);
      fixture.staged.hold = true;
      const old = ask(7);
      await fixture.staged.holding(1);
      await release('2');
      await untilServed('2');
      expect(fixture.staged.instances[0]!.unloaded).to.equal(false);
      fixture.staged.held[0]!.go();
      expect((await old).model.version).to.equal('1');
    });

    it('sends calls that waited for the old version to the new one', async () => {
      await start(polled);
      fixture.staged.hold = true;
      const [running, waiting] = [ask(1), ask(2)];
      await fixture.staged.holding(1);
      await release('2');
      await fixture.staged.holding(2);
      for (const held of fixture.staged.held) held.go();
      expect([(await running).model.version, (await waiting).model.version]).to.deep.equal(['1', '2']);
    });

    it('loses no call while versions change', async () => {
      await start(polled);
      const versions = new Set<string>();
      let calls = 0;
      for (let version = 2; version <= 4; version++) {
        await release(`${version}`);
        while (predictor.serving()?.version !== `${version}`) {
          const answers = await Promise.all([ask(calls), ask(calls + 1)]);
          answers.forEach(({ model, outputs }, i) => {
            versions.add(model.version);
            expect(outputs[0]!.data[0]).to.equal(calls + i);
          });
          calls += 2;
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      expect([...versions]).to.include('1');
    });

    it('keeps the old one where the new one does not load', async () => {
      await start(polled);
      fixture.staged.failLoad = (version) => (version === '2' ? new Error('bad weights') : undefined);
      await release('2');
      const { error, fields } = await fixture.logged(/a new version cannot serve/);
      expect((error as Error).message).to.include('bad weights');
      expect(fields).to.include({ version: '2', serving: '1' });
      expect((await ask()).model.version).to.equal('1');
    });

    for (const silent of ['resolve', 'fetch'] as const) {
      it(`looks again where the repository once did not answer (${silent})`, async () => {
        let isSilent = false;
        await start({
          options: { refreshMs: 1, loadTimeoutMs: 200 },
          over: (own) => ({
            ...own,
            [silent](...given: [never, CallContext]) {
              if (!isSilent) return own[silent](...given);
              isSilent = false;
              return untilAborted(new Promise(() => undefined), given[1].signal);
            },
          }),
        });
        isSilent = true;
        await release('2');
        await untilServed('2');
        const { error } = await fixture.logged(/the one before it stays/);
        expect((error as Error).message).to.match(/did not say in 200 ms|was not fetched in 200 ms/);
      });
    }

    const x = affineSignature.inputs[0]!;
    const changes: [string, Partial<BundleManifest['signature']>, RegExp][] = [
      [
        'another input',
        { inputs: [{ ...x, name: 'z' }] },
        /inputs are z, but those of the serving version are x/,
      ],
      ['another datatype', { inputs: [{ ...x, datatype: 'FP64' }] }, /input "x" is FP64 \[-1, 2\]/],
      ['another width', { inputs: [{ ...x, shape: [-1, 3] }] }, /input "x" is FP32 \[-1, 3\]/],
      [
        'other columns',
        { inputs: [{ ...x, columns: ['b', 'a'] }] },
        /input "x" is filled from other columns/,
      ],
      ['another output', { outputs: [{ name: 'q', datatype: 'FP32', shape: [-1, 1] }] }, /outputs are q/],
      ['another scope', { over: 'request' }, /over request/],
    ];
    for (const [what, change, message] of changes) {
      it(`refuses one with ${what}, once`, async () => {
        await start(polled);
        await release('2', { signature: { ...affineSignature, ...change } });
        const { error } = await fixture.logged(/a new version cannot serve/);
        expect((error as Error).message).to.match(message);
        await release('3');
        await untilServed('3');
        expect(fixture.logs.filter(({ level }) => level === 'error')).to.have.length(1);
      });
    }

    it('refuses one that was trained on views the serving version does not know', async () => {
      await start(polled);
      await release('2', { featuresLock: { airport_delay: { hash: 'abcdefghij', contract: 'cccccccccc' } } });
      const { error } = await fixture.logged(/a new version cannot serve/);
      expect((error as Error).message).to.match(/trained on view "airport_delay" abcdefghij/);
    });

    it('does not refuse a bundle for what it does not use', async () => {
      await start(polled);
      await release('2', { info: { rmse: 1 } });
      await untilServed('2');
    });
  });

  describe('with a call that never started', () => {
    const notStarted = new VivaceError('UNAVAILABLE', 'busy', { started: false });

    it('takes it to another instance', async () => {
      await start({ options: { instances: 2 } });
      fixture.staged.hold = true;
      const answer = ask(5);
      await fixture.staged.holding(1);
      fixture.staged.held[0]!.go(notStarted);
      await fixture.staged.holding(2);
      fixture.staged.held[1]!.go();
      expect((await answer).outputs[0]!.data[0]).to.equal(5);
    });

    it('takes it there once', async () => {
      await start({ options: { instances: 2 } });
      fixture.staged.model = () => {
        throw notStarted;
      };
      expect(await failureOf(ask())).to.match(/^UNAVAILABLE.*busy/);
      expect(fixture.staged.batches).to.have.length(2);
    });

    it('fails it where there is no other', async () => {
      await start();
      fixture.staged.model = () => {
        throw notStarted;
      };
      expect(await failureOf(ask())).to.match(/^UNAVAILABLE.*busy/);
      expect(fixture.staged.batches).to.have.length(1);
    });
  });

  it('replaces an instance that hangs, and answers its callers', async () => {
    await start({ options: { callTimeoutMs: 10 } });
    fixture.staged.hold = true;
    expect(await failureOf(ask(1))).to.match(/^DEADLINE_EXCEEDED.*did not answer in 10 ms/);
    fixture.staged.hold = false;
    expect((await ask(2)).outputs[0]!.data[0]).to.equal(2);
    expect(fixture.staged.instances[0]!.unloaded).to.equal(true);
  });

  it('finishes the calls in flight and those that wait before it stops, and unloads', async () => {
    await start();
    fixture.staged.hold = true;
    const answers = [ask(1), ask(2)];
    await fixture.staged.holding(1);
    const stopped = fixture.part.stop();
    fixture.staged.held[0]!.go();
    await fixture.staged.holding(2);
    fixture.staged.held[1]!.go();
    expect((await Promise.all(answers)).map(({ outputs }) => outputs[0]!.data[0])).to.deep.equal([1, 2]);
    await stopped;
    expect(fixture.staged.instances[0]!.unloaded).to.equal(true);
    expect(await failureOf(ask())).to.match(/^UNAVAILABLE/);
  });
});
