import { expect } from 'chai';
import fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createServer,
  modelRepository,
  predictorRuntime,
  type Datatype,
  type ServerOf,
  type Signature,
  type Tensor,
} from 'vivace';
import { javascript } from 'vivace/adapters/javascript';
import { remoteModel } from 'vivace/adapters/remote-model';
import { affineInput, callContext, startPart } from 'vivace/testing';
import { tensorDataOf } from 'vivace/wire';
import { fixtureBundle, manifestOf } from '../fixtures/bundles.js';
import { makeCertificates, openssl, type Certificates } from '../servers/certificates.js';
import { describeNeeding } from '../servers/programs.js';
import { TcpProxy } from '../servers/tcp-proxy.js';
import { codeOf, failureOf } from '../support/failure.js';
import { remoteBundle, serveRemoteModels, type RemoteModels } from '../support/remote-models.js';

describe('remote-model over another Vivace', () => {
  const datatypes: readonly Datatype[] = ['FP32', 'FP64', 'INT32', 'INT64', 'BOOL', 'BYTES'];
  const inputs = datatypes.map((datatype, i) => ({
    name: datatype,
    datatype,
    shape: i % 2 === 0 ? [-1, 3] : [-1],
  }));
  const mirror: Signature = {
    inputs,
    outputs: inputs.map((input) => ({ ...input, name: `${input.name} back` })),
    over: 'row',
  };
  let models: RemoteModels;
  before(async () => {
    models = await serveRemoteModels({
      mirror: { entry: 'mirror.mjs', signature: mirror },
      affine: { entry: 'affine.mjs' },
    });
  });
  after(() => models.close());

  const elements: Readonly<Record<Datatype, fc.Arbitrary<unknown>>> = {
    FP32: fc.float(),
    FP64: fc.double(),
    INT32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    INT64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    BOOL: fc.boolean(),
    BYTES: fc.string({ unit: 'grapheme' }),
  };
  const request = fc.integer({ min: 1, max: 40 }).chain((rows) =>
    fc.tuple(
      ...inputs.map(({ name, datatype, shape }) => {
        const own = [rows, ...shape.slice(1)];
        const length = own.reduce((product, size) => product * size, 1);
        return fc
          .array(elements[datatype], { minLength: length, maxLength: length })
          .map((values): Tensor => {
            const data =
              datatype === 'INT64' ? BigInt64Array.from(values as bigint[]) : tensorDataOf(datatype, values);
            return { name, datatype, shape: own, data };
          });
      }),
    ),
  );
  const bits = (tensors: readonly Tensor[]): unknown =>
    tensors.map(({ name, datatype, shape, data }) => [
      name,
      datatype,
      shape,
      Array.isArray(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex'),
    ]);

  it('gives the same bits as in process, for 200 random requests', async () => {
    const remote = await startPart(remoteModel, { url: models.url });
    const local = await startPart(javascript);
    try {
      const there = await remote.face(predictorRuntime).load(remoteBundle('mirror', mirror), callContext());
      const here = await local
        .face(predictorRuntime)
        .load(fixtureBundle('mirror.mjs', mirror), callContext());
      await fc.assert(
        fc.asyncProperty(request, async (tensors) => {
          const rows = tensors[0]!.shape[0]!;
          const expected = bits(await here.predict(tensors, { rows, ...callContext() }));
          expect(bits(await there.predict(tensors, { rows, ...callContext() }))).to.deep.equal(expected);
        }),
        { numRuns: 200 },
      );
      await there.unload();
      await here.unload();
    } finally {
      await remote.stop();
      await local.stop();
    }
  });

  describe('behind a predictor', () => {
    let directory: string;
    let proxy: TcpProxy;
    let server: ServerOf;
    beforeEach(async () => {
      directory = mkdtempSync(join(tmpdir(), 'vivace-remote-'));
      proxy = await TcpProxy.start({ port: Number(new URL(models.url).port) });
    });
    afterEach(async () => {
      await server.stop();
      await proxy.stop();
      rmSync(directory, { recursive: true });
    });
    const serve = async (options: object): Promise<() => Promise<unknown>> => {
      const stored = {
        files: { use: 'filesystem', path: 'models' },
        models: { use: 'model-repository', blobs: 'files', workspace: 'files' },
      };
      const shelf = await createServer({ directory, parts: stored, pipelines: {} });
      await shelf.start();
      const content = Buffer.from('{ "model": "affine" }');
      const manifest = manifestOf(content, 'remote.json', { runtime: 'remote' });
      const repository = shelf.part(modelRepository, 'models');
      await repository.add(manifest, () => content, callContext());
      await repository.setAlias('affine', 'champion', '1', callContext());
      await shelf.stop();
      const predictor = { use: 'model-predictor', model: 'affine', repository: 'models', runtime: 'there' };
      const made = await createServer({
        directory,
        parts: {
          ...stored,
          there: { use: 'remote-model', url: `http://127.0.0.1:${proxy.port}` },
          affine: { ...predictor, ...options },
        },
        pipelines: {
          score: {
            request: { a: 'float32', b: 'float32' },
            steps: [{ predict: 'affine' }],
            response: { outputs: { y: 'affine.y' } },
            deadlineMs: 60_000,
          },
        },
      });
      server = made as unknown as ServerOf;
      await server.start();
      return async () => (await made.predict('score', { request: { a: 1, b: 2 } })).outputs.y;
    };

    it('fails no request where the connection is cut off in the middle of an answer', async () => {
      const ask = await serve({ restartDelayMs: 0 });
      for (let i = 0; i < 10; i++) {
        proxy.cutAfterBytes = 10;
        expect(await ask()).to.equal(5);
        expect(proxy.cutAfterBytes).to.equal(undefined);
      }
    });

    it('is not ready while the server is away, and answers when it is back', async () => {
      // Longer than calls wait for an instance.
      const ask = await serve({ restartDelayMs: 1_100, restartDelayMaxMs: 1_100 });
      expect(await ask()).to.equal(5);
      proxy.refusing = true;
      proxy.cut();
      while ((await ask().catch(codeOf)) !== 'UNAVAILABLE') await sleep(5);
      expect(server.control.readiness().ready).to.equal(false);
      proxy.refusing = false;
      while ((await ask().catch(codeOf)) !== 5) await sleep(5);
      expect(server.control.readiness().ready).to.equal(true);
    });
  });

  describeNeeding([openssl], 'over TLS', () => {
    let certificates: Certificates;
    let proxy: TcpProxy;
    before(async () => {
      certificates = makeCertificates();
      const { cert, key, ca } = certificates;
      proxy = await TcpProxy.start({ port: Number(new URL(models.url).port), tls: { cert, key, ca } });
    });
    after(async () => {
      await proxy.stop();
      certificates.remove();
    });
    const load = async (options: object): Promise<unknown> => {
      const setup = { directory: certificates.directory };
      const part = await startPart(
        remoteModel,
        { url: `https://localhost:${proxy.port}`, ...options },
        setup,
      );
      try {
        const instance = await part.face(predictorRuntime).load(remoteBundle('affine'), callContext());
        const [output] = await instance.predict(affineInput([1, 2]), { rows: 1, ...callContext() });
        await instance.unload();
        return output!.data[0];
      } finally {
        await part.stop();
      }
    };
    const client = { certFile: 'client.pem', keyFile: 'client-key.pem' };

    it('speaks with certificates of its own', async () => {
      expect(await load({ caFile: 'ca.pem', ...client })).to.equal(5);
    });

    it('says which option is wrong where the certificate is not trusted', async () => {
      const failed = await failureOf(load({ caFile: 'other-ca.pem', ...client }));
      expect(failed).to.match(
        /^UNAVAILABLE .*no TLS connection to https:\/\/localhost:\d+ \(.*\): check `url` and `caFile`$/,
      );
    });

    it('says so where the server wants a certificate, or is not spoken to over TLS', async () => {
      expect(await failureOf(load({ caFile: 'ca.pem' }))).to.match(/^UNAVAILABLE /);
      expect(await failureOf(load({ url: `http://localhost:${proxy.port}` }))).to.match(/^UNAVAILABLE /);
    });
  });
});
