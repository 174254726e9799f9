import { expect } from 'chai';
import fc from 'fast-check';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import {
  createServer,
  modelRepository,
  predictorRuntime,
  redact,
  remoteModelBundle,
  type Bundle,
  type Datatype,
  type PredictorInstance,
  type ServerOf,
  type Signature,
  type Tensor,
} from 'vivace';
import { javascript } from 'vivace/adapters/javascript';
import { remoteModel } from 'vivace/adapters/remote-model';
import { affineInput, affineSignature, callContext, startPart } from 'vivace/testing';
import { tensorDataOf } from 'vivace/wire';
import { fixtureBundle, manifestOf } from '../fixtures/bundles.js';
import { makeCertificates, openssl, type Certificates } from '../servers/certificates.js';
import { describeNeeding } from '../servers/programs.js';
import { TcpProxy } from '../servers/tcp-proxy.js';
import { codeOf, failure, failureOf } from '../support/failure.js';
import { remoteBundle, serveRemoteModels, type RemoteModels } from '../support/remote-models.js';
import { affineMetadata, json, ScriptedInference } from '../support/scripted-inference.js';

type Part = Awaited<ReturnType<typeof startPart>>;

describe('remote-model', () => {
  let scripted: ScriptedInference;
  let directory: string;
  const parts: Part[] = [];
  const instances: PredictorInstance[] = [];
  beforeEach(async () => {
    scripted = await ScriptedInference.start();
    directory = mkdtempSync(join(tmpdir(), 'vivace-remote-'));
  });
  afterEach(async () => {
    for (const instance of instances.splice(0)) await instance.unload();
    for (const part of parts.splice(0)) await part.stop();
    await scripted.stop();
    rmSync(directory, { recursive: true });
  });

  const start = async (options: object = {}): Promise<Part> => {
    const part = await startPart(remoteModel, { url: scripted.url, ...options });
    parts.push(part);
    return part;
  };
  const load = async (options: object = {}, bundle = remoteBundle('affine')): Promise<PredictorInstance> => {
    const instance = await (await start(options)).face(predictorRuntime).load(bundle, callContext());
    instances.push(instance);
    return instance;
  };
  const ask = async (instance: PredictorInstance, more: object = {}): Promise<unknown> => {
    const [output] = await instance.predict(affineInput([1, 2]), { rows: 1, ...callContext(), ...more });
    return output!.data[0];
  };
  /** A bundle whose entry holds this text. */
  const bundleOf = (text: string, signature: Signature = affineSignature): Bundle => {
    writeFileSync(join(directory, 'remote.json'), text);
    const manifest = manifestOf(Buffer.from(text), 'remote.json', { runtime: 'remote', signature });
    return { directory, manifest };
  };

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
      scripted = await ScriptedInference.start();
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

  describe('loading', () => {
    const two: Signature = {
      inputs: [
        { name: 'a', datatype: 'FP32', shape: [-1, 2] },
        { name: 'b', datatype: 'BYTES', shape: [-1] },
      ],
      outputs: [
        { name: 'p', datatype: 'FP64', shape: [-1] },
        { name: 'q', datatype: 'INT64', shape: [-1, 3] },
      ],
      over: 'row',
    };
    const tensor = (name: string, datatype: string, ...shape: number[]): object => ({
      name,
      datatype,
      shape,
    });
    const a = tensor('a', 'FP32', -1, 2);
    const b = tensor('b', 'BYTES', -1);
    const p = tensor('p', 'FP64', -1);
    const q = tensor('q', 'INT64', -1, 3);

    it('takes metadata in any order, with dimensions of any size, and with more than the protocol has', async () => {
      scripted.metadata = json({
        extra: { deep: [1] },
        inputs: [b, { ...tensor('a', 'FP32', -1, -1), parameters: { content_type: 'np' } }],
        outputs: [q, p],
      });
      await load({}, bundleOf('{ "model": "two" }', two));
    });

    for (const [what, metadata, said] of [
      [
        'another name',
        { inputs: [a, tensor('c', 'BYTES', -1)], outputs: [p, q] },
        'has no input "b"; it has "a", "c"; the signature has no input "c"',
      ],
      ['an input less', { inputs: [a], outputs: [p, q] }, 'has no input "b"; it has "a"'],
      [
        'an output more',
        { inputs: [a, b], outputs: [p, q, tensor('r', 'FP32', -1)] },
        'the signature has no output "r"',
      ],
      ['nothing at all', { inputs: [], outputs: [] }, 'has no input "a"; it has none'],
      ['an input twice', { inputs: [a, a, b], outputs: [p, q] }, 'has the input "a" twice'],
      [
        'another datatype',
        { inputs: [tensor('a', 'FP64', -1, 2), b], outputs: [p, q] },
        'the input "a" is FP32 [-1, 2] in the signature, but FP64 [-1, 2] on the server',
      ],
      [
        'a datatype that Vivace does not have',
        { inputs: [a, b], outputs: [tensor('p', 'FP16', -1), q] },
        'the output "p" is FP64 [-1] in the signature, but FP16 [-1] on the server',
      ],
      [
        'another width',
        { inputs: [a, b], outputs: [p, tensor('q', 'INT64', -1, 4)] },
        'the output "q" is INT64 [-1, 3] in the signature, but INT64 [-1, 4] on the server',
      ],
      [
        'another rank',
        { inputs: [a, b], outputs: [tensor('p', 'FP64', -1, 1), q] },
        'FP64 [-1, 1] on the server',
      ],
      [
        'one row at a time',
        { inputs: [tensor('a', 'FP32', 1, 2), b], outputs: [p, q] },
        'FP32 [1, 2] on the server',
      ],
    ] as const) {
      it(`refuses metadata with ${what}`, async () => {
        scripted.metadata = json(metadata);
        const failed = await failureOf(load({}, bundleOf('{ "model": "two" }', two)));
        expect(failed)
          .to.match(/^FAILED_PRECONDITION remote-model: the server has another model: /)
          .and.to.contain(said);
        await scripted.untilConnections(0);
      });
    }

    for (const [what, body] of [
      ['a page', '<html>hello</html>'],
      ['nothing', ''],
      ['JSON of something else', '{"name":"affine"}'],
      ['a shape of texts', { ...affineMetadata, inputs: [{ name: 'x', datatype: 'FP32', shape: ['-1'] }] }],
      ['more values than a model has tensors', `{"inputs":[${'0,'.repeat(200_000)}0]}`],
    ] as const) {
      it(`refuses ${what} instead of metadata`, async () => {
        scripted.metadata = json(body);
        const failed = await failureOf(load());
        expect(failed).to.match(/^FAILED_PRECONDITION .* does not answer with the metadata of a model \(/);
      });
    }

    it('refuses metadata of megabytes without reading them', async () => {
      scripted.metadata = json(' '.repeat(2_000_000));
      expect(await failureOf(load())).to.contain('more than 1048576 bytes');
    });

    it('waits for a model to be ready by failing until it is', async () => {
      scripted.ready = json({ error: 'loading' }, 503, { 'retry-after': '2' });
      const error = await failure(load());
      expect([error.code, error.retryAfterMs]).to.deep.equal(['UNAVAILABLE', 2_000]);
      expect(error.message).to.contain('answered 503 for the model "affine": loading');
      scripted.ready = json({ name: 'affine', ready: false });
      expect(await failureOf(load())).to.match(/^UNAVAILABLE .* the model "affine" is not ready$/);
      scripted.ready = json('');
      await load();
    });

    for (const [status, code] of [
      [404, 'NOT_FOUND'],
      [400, 'FAILED_PRECONDITION'],
      [401, 'UNAUTHENTICATED'],
      [403, 'PERMISSION_DENIED'],
      [500, 'UNAVAILABLE'],
      [301, 'FAILED_PRECONDITION'],
    ] as const) {
      it(`answers the status ${status} with ${code}`, async () => {
        scripted.metadata = json({ error: 'no' }, status);
        expect(await failureOf(load())).to.match(
          new RegExp(`^${code} .* answered ${status} for the model "affine": no`),
        );
      });
    }

    for (const [text, said] of [
      ['', 'remote.json cannot be read: '],
      ['{', 'remote.json cannot be read: '],
      ['[]', 'remote.json: '],
      ['{}', 'remote.json: model: '],
      ['{ "model": "" }', 'remote.json: model: '],
      ['{ "model": ".." }', 'remote.json: model: ".." cannot be part of a path'],
      ['{ "model": "\\ud800" }', 'remote.json: model: "\\ud800" cannot be part of a path'],
      ['{ "model": "a", "version": 3 }', 'remote.json: version: '],
      ['{ "model": "a", "url": "http://else" }', 'remote.json: url: unknown key "url"'],
    ] as const) {
      it(`refuses ${JSON.stringify(text)} as the entry of a bundle`, async () => {
        expect(await failureOf(load({}, bundleOf(text)))).to.contain(
          `FAILED_PRECONDITION remote-model: ${said}`,
        );
        expect(scripted.seen).to.deep.equal([]);
      });
    }

    it('refuses an entry that is not there', async () => {
      const { manifest } = bundleOf('{}');
      const failed = failureOf(load({}, { directory: '/nowhere', manifest }));
      expect(await failed).to.contain('FAILED_PRECONDITION remote-model: remote.json cannot be read: ENOENT');
    });
  });

  describe('options', () => {
    const wrong = async (options: object): Promise<string> =>
      failureOf(startPart(remoteModel, options as never));

    it('say what an address is', async () => {
      for (const url of [
        '',
        'host:80',
        'ftp://host',
        'http://u:p@host',
        'http://host?q',
        'http://host#f',
        'http://',
      ])
        expect(await wrong({ url }), url).to.contain('url');
      expect(await wrong({ url: 'http://host', caFile: 'ca.pem' })).to.contain('is not an https address');
    });

    it('take headers that are none of the body or the connection', async () => {
      for (const name of [
        'Content-Length',
        'transfer-encoding',
        'Host',
        'Inference-Header-Content-Length',
        'a b',
        '',
      ])
        expect(await wrong({ url: 'http://host', headers: { [name]: 'x' } }), name).to.contain('headers');
      for (const value of ['', 'a\r\nb: c', 'ż'])
        expect(await wrong({ url: 'http://host', headers: { a: value } }), value).to.contain('headers');
    });

    it('hide the values of headers', () => {
      const shown = redact(remoteModel.options, {
        url: 'http://host',
        headers: { authorization: 'Bearer 1234' },
      });
      expect(inspect(shown, { depth: 5 })).to.contain("authorization: '***'");
    });
  });

  describe('what a server says of a model', () => {
    it('is its signature, of which a bundle is made', async () => {
      const server = await createServer({
        parts: { other: { use: 'javascript' }, there: { use: 'remote-model', url: scripted.url } },
        pipelines: {},
      });
      try {
        const made = await remoteModelBundle(server, { model: 'affine', version: '2' }, callContext());
        expect(scripted.seen.map(({ path }) => path)).to.deep.equal(['/v2/models/affine/versions/2']);
        const { inputs, outputs } = affineMetadata;
        expect(made.signature).to.deep.equal({ inputs, outputs, over: 'row' });
        expect([made.runtime, made.entry, JSON.parse(Buffer.from(made.content).toString())]).to.deep.equal([
          'remote',
          'remote.json',
          { model: 'affine', version: '2' },
        ]);
        await scripted.untilConnections(0);
        scripted.metadata = json({ error: 'unknown' }, 404);
        expect(await failureOf(remoteModelBundle(server, { model: 'a' }, callContext()))).to.match(
          /^INVALID_ARGUMENT remote: .* answered 404 for the model "a": unknown$/,
        );
        for (const [metadata, said] of [
          [{ inputs: [], outputs: [] }, 'does not say which inputs the model has: give the signature'],
          [
            { ...affineMetadata, inputs: [{ name: 'x', datatype: 'UINT8', shape: [-1] }] },
            'the input "x" is UINT8; tensors here are FP32',
          ],
          [
            { ...affineMetadata, outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 1] }] },
            'its first dimension must be the row, -1',
          ],
          [{ ...affineMetadata, outputs: [{ name: 'y', datatype: 'FP32', shape: [] }] }, 'the shape []'],
        ] as const) {
          scripted.metadata = json(metadata);
          expect(await failureOf(remoteModelBundle(server, { model: 'a' }, callContext()))).to.contain(said);
        }
      } finally {
        await server.stop();
      }
    });

    it('needs one part that speaks to it', async () => {
      const made = async (parts: object, runtime?: string): Promise<string> => {
        const server = await createServer({ parts: parts as never, pipelines: {} });
        try {
          const options = { model: 'affine', ...(runtime === undefined ? {} : { runtime }) };
          return await failureOf(remoteModelBundle(server, options, callContext()));
        } finally {
          await server.stop();
        }
      };
      const there = { use: 'remote-model', url: scripted.url };
      const js = { use: 'javascript' };
      expect(await made({ js })).to.contain(
        'no part of the configuration hosts models of other servers: add one',
      );
      expect(await made({ js, there }, 'js')).to.contain('"js" does not host models of other servers');
      expect(await made({ a: there, b: there })).to.contain(
        'runtime: several parts host models of other servers: name one of a, b',
      );
      expect(await made({ a: there, b: there }, 'b')).to.equal('it did not fail');
    });
  });
});

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
