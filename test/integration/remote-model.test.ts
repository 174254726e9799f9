import { expect } from 'chai';
import type { PredictorInstance, Signature, Tensor } from 'vivace';
import { affineInput, affineSignature, callContext } from 'vivace/testing';
import { failure, failureOf } from '../support/failure.js';
import { startRemote, type RemoteFixture } from '../support/remote-fixture.js';
import { affineMetadata, json, ScriptedInference } from '../support/scripted-inference.js';

describe('remote-model', () => {
  let fixture: RemoteFixture;
  let scripted: ScriptedInference;
  let load: RemoteFixture['load'];
  let ask: RemoteFixture['ask'];
  let bundleOf: RemoteFixture['bundleOf'];
  beforeEach(async () => {
    fixture = await startRemote();
    ({ scripted, load, ask, bundleOf } = fixture);
  });
  afterEach(() => fixture.close());

  describe('a call', () => {
    it('sends binary tensors, asks for them, and says how long it may take', async () => {
      const instance = await load({
        headers: { authorization: 'Bearer t', 'X-Tenant': 'a' },
        timeoutMs: 20_000,
      });
      expect(await ask(instance)).to.equal(5);
      const [{ method, path, headers, body }] = scripted.calls as [(typeof scripted.calls)[0]];
      expect([method, path]).to.deep.equal(['POST', '/v2/models/affine/infer']);
      expect(headers).to.include({
        'content-type': 'application/octet-stream',
        'content-length': String(body.length),
        authorization: 'Bearer t',
        'x-tenant': 'a',
      });
      const length = Number(headers['inference-header-content-length']);
      const request = JSON.parse(body.toString('utf8', 0, length)) as { parameters: { timeout: number } };
      expect(request).to.deep.include({
        inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } }],
        outputs: [{ name: 'y', parameters: { binary_data: true } }],
      });
      expect(request.parameters).to.deep.include({ binary_data_output: true });
      expect(request.parameters.timeout).to.be.within(1, 20_000_000);
      expect(body.subarray(length).equals(Buffer.from(Float32Array.of(1, 2).buffer))).to.equal(true);
    });

    it('says the time of its deadline where that is shorter than the option', async () => {
      const instance = await load({ timeoutMs: 60_000 });
      await ask(instance, { deadline: performance.now() + 30_000 });
      const { headers, body } = scripted.calls[0]!;
      const text = body.toString('utf8', 0, Number(headers['inference-header-content-length']));
      const { timeout } = (JSON.parse(text) as { parameters: { timeout: number } }).parameters;
      expect(timeout).to.be.within(1, 30_000_000);
    });

    it('asks for the version and below the path that are given, percent-encoded', async () => {
      const odd = bundleOf('{ "model": "a/b ż?", "version": "1#2" }');
      await ask(await load({ url: `${scripted.url}/serving/` }, odd));
      const model = '/serving/v2/models/a%2Fb%20%C5%BC%3F/versions/1%232';
      expect(scripted.seen.map(({ path }) => path)).to.deep.equal([
        model,
        `${model}/ready`,
        `${model}/infer`,
      ]);
    });

    it('is sent over the connection of the one before, and over a new one where that was closed meanwhile', async () => {
      const instance = await load();
      for (let i = 0; i < 20; i++) await ask(instance);
      expect(await scripted.connections()).to.equal(1);
      scripted.cut();
      await scripted.untilConnections(0);
      // The end of the connection is here once another exchange over loopback is.
      await load();
      expect(await ask(instance)).to.equal(5);
      let closed: string | undefined;
      void instance.closed.then((reason) => (closed = reason));
      await Promise.resolve();
      expect(closed).to.equal(undefined);
    });

    it('leaves no connection behind once the model is unloaded', async () => {
      const instance = await load();
      await ask(instance);
      await instance.unload();
      expect(await instance.closed).to.equal('the model was unloaded');
      await scripted.untilConnections(0);
    });
  });

  describe('a model over requests', () => {
    const over: Signature = { ...affineSignature, over: 'request' };
    /** Two requests, and an empty one between them. */
    const askAll = (instance: PredictorInstance): Promise<readonly Tensor[]> =>
      instance.predict(affineInput([1, 1], [2, 2], [3, 3]), {
        rows: 3,
        offsets: Uint32Array.of(0, 2, 2, 3),
        ...callContext(),
      });

    it('is asked once per request, and its answers come as one', async () => {
      const answers = [
        { shape: [2, 1], data: [3, 6] },
        { shape: [1, 1], data: [9] },
      ];
      scripted.infer = (...given) =>
        json({ outputs: [{ name: 'y', datatype: 'FP32', ...answers[scripted.calls.length - 1] }] })(...given);
      const instance = await load({}, bundleOf('{ "model": "affine" }', over));
      const [output] = await askAll(instance);
      expect(output).to.deep.equal({
        name: 'y',
        datatype: 'FP32',
        shape: [3, 1],
        data: Float32Array.of(3, 6, 9),
      });
      expect(scripted.calls).to.have.length(2);
    });

    it('has begun where a later request is not sent', async () => {
      scripted.infer = (...given) => {
        json({ outputs: [{ name: 'y', datatype: 'FP32', shape: [2, 1], data: [3, 6] }] }, 200, {
          connection: 'close',
        })(...given);
        void scripted.stop();
      };
      const instance = await load({}, bundleOf('{ "model": "affine" }', over));
      const error = await failure(askAll(instance));
      expect([error.code, error.started]).to.deep.equal(['UNAVAILABLE', undefined]);
      fixture.scripted = await ScriptedInference.start();
    });

    it('fails where the rows of its requests have different shapes', async () => {
      const wide: Signature = { ...over, outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, -1] }] };
      scripted.metadata = json({
        ...affineMetadata,
        outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, -1] }],
      });
      const answers = [
        { shape: [2, 1], data: [3, 6] },
        { shape: [1, 2], data: [9, 9] },
      ];
      scripted.infer = (...given) =>
        json({ outputs: [{ name: 'y', datatype: 'FP32', ...answers[scripted.calls.length - 1] }] })(...given);
      const instance = await load({}, bundleOf('{ "model": "affine" }', wide));
      expect(await failureOf(askAll(instance))).to.contain(
        'PREDICTOR_FAILED remote-model: the output "y" has rows of several shapes',
      );
    });
  });
});
