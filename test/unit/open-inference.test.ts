import { expect } from 'chai';
import {
  httpServer,
  type HttpServer,
  parseType,
  transport,
  VivaceError,
  type LogRecord,
  type Readiness,
  type Tensor,
} from 'vivace';
import { express } from 'vivace/adapters/express';
import { openInference } from 'vivace/plugins/open-inference';
import { callContext, echoed, planes, sendOverSocket, startPart, type OwnPlanes } from 'vivace/testing';
import { memory, type InjectableServer, type InjectedResponse } from 'vivace/adapters/memory';
import { failureOf } from '../support/failure.js';
import {
  binaryRequest,
  echoing,
  openInferenceOver,
  readBinary,
  type Ask,
  type InferResponse,
} from '../support/open-inference.js';

const features = [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }] as const;
const input = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] };
const infer = '/v2/models/mirror/infer';

const served = (own: OwnPlanes = {}, options: object = {}, log: LogRecord[] = []): Promise<Ask> =>
  openInferenceOver({ predictors: echoing(features), ...own }, { options, log });

function errorOf(answer: InjectedResponse): string {
  expect(answer.headers['content-type']).to.equal('application/json');
  const body = answer.json() as { error: string };
  expect(Object.keys(body)).to.deep.equal(['error']);
  return body.error;
}

describe('open-inference', () => {
  describe('the server', () => {
    it('says its name, version and extensions, with and without a slash', async () => {
      const ask = await served();
      for (const path of ['/v2', '/v2/'])
        expect((await ask({ path })).json()).to.deep.equal({
          name: 'vivace',
          version: '1.2.3',
          extensions: ['binary_tensor_data', 'statistics'],
        });
    });

    it('is live and ready, in JSON; 503 while it is not ready', async () => {
      const ask = await served();
      for (const [path, body] of [
        ['live', { live: true }],
        ['ready', { ready: true }],
      ] as const) {
        const answer = await ask({ path: `/v2/health/${path}` });
        expect([answer.status, answer.json()]).to.deep.equal([200, body]);
      }
      const readiness = (): Readiness => ({ ready: false, reasons: ['it starts'], details: [] });
      const starting = await served({ control: { readiness } });
      const answer = await starting({ path: '/v2/health/ready' });
      expect([answer.status, answer.json()]).to.deep.equal([503, { ready: false, error: 'it starts' }]);
      expect((await starting({ path: '/v2/health/live' })).status).to.equal(200);
    });

    it('lists its models', async () => {
      expect((await (await served())({ path: '/v2/models' })).json()).to.deep.equal({
        models: ['echo', 'mirror'],
      });
    });

    it('has every route below its prefix, and leaves others alone', async () => {
      const ask = await served({}, { prefix: '/ml' });
      expect((await ask({ path: '/ml/v2' })).status).to.equal(200);
      expect((await ask({ path: `/ml${infer}`, body: { inputs: [input] } })).status).to.equal(200);
      for (const path of ['/v2', '/ml/v2x', '/mlv2', '/ml'])
        expect((await ask({ path })).json(), path).to.have.property('code', 'NOT_FOUND');
    });
  });

  describe('a model', () => {
    it('says whether it is ready, by version too', async () => {
      const ask = await served();
      for (const path of ['/v2/models/mirror/ready', '/v2/models/mirror/versions/3/ready']) {
        const answer = await ask({ path });
        expect([answer.status, answer.json()]).to.deep.equal([200, { name: 'mirror', ready: true }]);
      }
      expect((await ask({ path: '/v2/models/echo/ready' })).status).to.equal(200);
      for (const path of [
        '/v2/models/none/ready',
        '/v2/models/mirror/versions/4/ready',
        '/v2/models/echo/versions/1/ready',
      ])
        expect((await ask({ path })).status, path).to.equal(404);
    });

    it('is not ready without a loaded model, and while the server is not', async () => {
      const unloaded = { ...echoing(features), list: () => [{ name: 'part', serving: undefined }] };
      const empty = await (await served({ predictors: unloaded }))({ path: '/v2/models/mirror/ready' });
      expect([empty.status, empty.json()]).to.deep.equal([
        503,
        { name: 'mirror', ready: false, error: 'predictor "part" has no loaded model' },
      ]);
      const draining = await served({
        control: { state: 'draining', readiness: () => ({ ready: false, reasons: ['x'], details: [] }) },
      });
      for (const name of ['mirror', 'echo'])
        expect((await draining({ path: `/v2/models/${name}/ready` })).status, name).to.equal(503);
    });

    it('describes its tensors, by version too', async () => {
      const ask = await served();
      for (const path of ['/v2/models/mirror', '/v2/models/mirror/versions/3'])
        expect((await ask({ path })).json()).to.deep.equal({
          name: 'mirror',
          versions: ['3'],
          platform: 'vivace_predictor',
          inputs: features,
          outputs: features,
          properties: {},
        });
      const { status } = await ask({ path: '/v2/models/mirror/versions/4' });
      expect(status).to.equal(404);
    });

    it('may have a name in percent-encoding', async () => {
      const ask = await served({ predictors: echoing(features, { model: 'a model/ż' }) });
      const path = `/v2/models/${encodeURIComponent('a model/ż')}`;
      expect((await ask({ path })).json()).to.have.property('name', 'a model/ż');
      const answer = await ask({ path: `${path}/infer`, body: { inputs: [input] } });
      expect(answer.json()).to.have.property('model_name', 'a model/ż');
      expect(
        (await (await served())({ path: '/v2/models/mirro%72/infer', body: { inputs: [input] } })).status,
      ).to.equal(200);
      expect(errorOf(await ask({ path: '/v2/models/%E0%A4%A/infer', body: {} }))).to.contain(
        'percent-encoding',
      );
    });
  });

  describe('an inference', () => {
    it('goes from the body to the predictor with its rows, and back', async () => {
      const seen: Tensor[] = [];
      const ask = await served({ predictors: echoing(features, { seen }) });
      const body = {
        id: 'a-1',
        inputs: [
          {
            ...input,
            shape: [2, 2],
            data: [
              [1, 2],
              [3, 4],
            ],
          },
        ],
      };
      const answer = await ask({ path: infer, body, headers: { 'x-request-id': 'r-7' } });
      expect(answer.headers).to.include({ 'content-type': 'application/json', 'x-request-id': 'r-7' });
      expect(answer.json()).to.deep.equal({
        model_name: 'mirror',
        model_version: '3',
        id: 'a-1',
        outputs: [{ name: 'x', datatype: 'FP32', shape: [2, 2], data: [1, 2, 3, 4] }],
      });
      expect(seen[0]).to.deep.include({ shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) });
    });

    it('by version: the one that serves, and no other', async () => {
      const ask = await served();
      const at = (version: string): Promise<InjectedResponse> =>
        ask({ path: `/v2/models/mirror/versions/${version}/infer`, body: { inputs: [input] } });
      expect((await at('3')).status).to.equal(200);
      const other = await at('4');
      expect([other.status, errorOf(other)]).to.deep.equal([
        404,
        'there is no version "4" of the model "mirror": 3 serves',
      ]);
    });

    it('is refused where another version takes over while it runs', async () => {
      const mirror = echoing(features);
      const swapped: typeof mirror = {
        ...mirror,
        predict: async (...given) => ({
          ...(await mirror.predict!(...given)),
          model: { name: 'mirror', version: '4', digest: 'e' },
        }),
      };
      const ask = await served({ predictors: swapped });
      const answer = await ask({ path: '/v2/models/mirror/versions/3/infer', body: { inputs: [input] } });
      expect(answer.status).to.equal(404);
      expect((await ask({ path: infer, body: { inputs: [input] } })).json()).to.have.property(
        'model_version',
        '4',
      );
    });

    it('takes bodies without a content type, and refuses another one', async () => {
      const ask = await served();
      const body = JSON.stringify({ inputs: [input] });
      expect((await ask({ path: infer, body })).status).to.equal(200);
      for (const type of ['application/json', 'Application/JSON; charset=utf-8', 'application/octet-stream'])
        expect((await ask({ path: infer, body, headers: { 'content-type': type } })).status, type).to.equal(
          200,
        );
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', '']) {
        const answer = await ask({ path: infer, body, headers: { 'content-type': type } });
        expect(answer.status, type).to.equal(415);
        errorOf(answer);
      }
    });

    it('takes binary tensors, and gives them where asked', async () => {
      const ask = await served();
      const bytes = Buffer.from(Float32Array.of(1, 2).buffer);
      const binary = { ...input, data: undefined, parameters: { binary_data_size: bytes.length } };
      const plain = await ask({ path: infer, ...binaryRequest({ inputs: [binary] }, bytes) });
      expect(plain.json()).to.have.nested.property('outputs[0].data').deep.equal([1, 2]);
      expect(plain.headers).not.to.have.property('inference-header-content-length');
      for (const wanted of [
        { parameters: { binary_data_output: true } },
        { outputs: [{ name: 'x', parameters: { binary_data: true } }] },
      ]) {
        const answer = await ask({ path: infer, ...binaryRequest({ inputs: [binary], ...wanted }, bytes) });
        expect(answer.headers['content-type']).to.equal('application/octet-stream');
        const { json, rest } = readBinary(answer);
        expect(json.outputs[0]).to.deep.equal({
          name: 'x',
          datatype: 'FP32',
          shape: [1, 2],
          parameters: { binary_data_size: 8 },
        });
        expect(rest.equals(bytes)).to.equal(true);
      }
      const fromJson = await ask({
        path: infer,
        body: { inputs: [input], parameters: { binary_data_output: true } },
      });
      expect(readBinary(fromJson).rest.equals(bytes)).to.equal(true);
    });

    it('takes a body that is one raw tensor', async () => {
      const ask = await served();
      const body = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
      const answer = await ask({ path: infer, body, headers: { 'inference-header-content-length': '0' } });
      const { json, rest } = readBinary(answer);
      expect(json.outputs[0]!.shape).to.deep.equal([2, 2]);
      expect(rest.equals(body)).to.equal(true);
    });

    for (const length of [
      'five',
      '-1',
      '1.5',
      '',
      '0x10',
      '2147483648',
      '99999999999999999999',
      '1000000',
      '1, 2',
    ]) {
      it(`refuses the JSON length ${JSON.stringify(length)}`, async () => {
        const answer = await (
          await served()
        )({
          path: infer,
          body: JSON.stringify({ inputs: [input] }),
          headers: { 'inference-header-content-length': length },
        });
        expect(answer.status).to.equal(400);
        expect(errorOf(answer)).to.contain('inference-header-content-length');
      });
    }

    for (const [what, body, reason] of [
      ['an empty body', '', 'the body is empty'],
      ['broken JSON', '{"inputs": [', 'broken JSON'],
      ['a bare NaN', '{"inputs":[{"data":[NaN]}]}', 'send the string "NaN"'],
      ['bytes that are not UTF-8', Uint8Array.of(0x22, 0xff, 0x22), 'UTF-8'],
      ['a list', '[]', 'not a JSON object'],
      ['rows that differ', undefined, 'x" has 1 rows'],
    ] as const) {
      it(`refuses ${what}`, async () => {
        const two = [...features, { name: 'y', datatype: 'FP32', shape: [-1, 2] }] as const;
        const ask = await served(body === undefined ? { predictors: echoing(two) } : {});
        const differing = { inputs: [input, { ...input, name: 'y', shape: [2, 2], data: [1, 2, 3, 4] }] };
        const answer = await ask({ path: infer, body: body ?? differing });
        expect(answer.status).to.equal(400);
        expect(errorOf(answer)).to.contain(reason);
      });
    }

    it('refuses more lists and objects than a request can have, before it makes them', async () => {
      const many = `{"inputs":[${'[],'.repeat(600_000)}[]]}`;
      const answer = await (await served())({ path: infer, body: many });
      expect(answer.status).to.equal(400);
      expect(errorOf(answer)).to.contain('500000 lists and objects');
      const few = `{"inputs":[],"x":[${'{},'.repeat(3_000)}{}]}`;
      const pipeline = await (await served())({ path: '/v2/models/echo/infer', body: few });
      expect(pipeline.status).to.equal(400);
      expect(errorOf(pipeline)).to.contain('lists and objects');
      const deep = await (await served())({ path: infer, body: `{"x":${'['.repeat(40)}${']'.repeat(40)}}` });
      expect(errorOf(deep)).to.contain('nests deeper than 32');
    });

    it('is not read where its caller has left before its turn', async () => {
      const ask = await served();
      const signal = AbortSignal.abort(new VivaceError('CANCELLED', 'the peer went away'));
      const answer = await ask({ path: infer, body: 'not JSON', signal });
      expect([answer.status, errorOf(answer)]).to.deep.equal([499, 'the peer went away']);
    });

    it('releases its body once the tensors are read', async () => {
      const mirror = echoing(features);
      const released: boolean[] = [];
      const web = await startPart(memory);
      const inner = web.face(httpServer);
      let isReleased = false;
      const watching: HttpServer = {
        ...inner,
        mount: (router) =>
          inner.mount((head) => {
            const route = router(head);
            return (
              route && {
                ...route,
                handle: (request, call) =>
                  route.handle({ ...request, release: () => (isReleased = true) }, call),
              }
            );
          }),
        address: () => undefined,
      };
      const part = await startPart(openInference, {}, { uses: { server: watching } });
      const predictors: typeof mirror = {
        ...mirror,
        predict: async (...given) => {
          released.push(isReleased);
          return mirror.predict!(...given);
        },
      };
      await part.face(transport).serve(planes({ predictors }), callContext());
      await (inner as InjectableServer).inject({ path: infer, body: { inputs: [input] } });
      expect(released).to.deep.equal([true]);
    });

    it('ignores a byte order mark', async () => {
      const answer = await (
        await served()
      )({ path: infer, body: `\ufeff${JSON.stringify({ inputs: [input] })}` });
      expect(answer.status).to.equal(200);
    });

    it('keeps 64-bit integers exact, both ways', async () => {
      const ask = await served({ predictors: echoing([{ name: 'x', datatype: 'INT64', shape: [-1] }]) });
      const body =
        '{"inputs":[{"name":"x","datatype":"INT64","shape":[2],"data":[9007199254740993,-9223372036854775808]}]}';
      expect((await ask({ path: infer, body })).text).to.contain(
        '"data":[9007199254740993,-9223372036854775808]',
      );
    });

    it('passes on the deadline of the header and of the parameter `timeout`, whichever is nearer', async () => {
      const deadlines: (number | undefined)[] = [];
      const mirror = echoing(features);
      const ask = await served({
        predictors: {
          ...mirror,
          predict: async (name, given, call) => {
            deadlines.push(call.deadline);
            return mirror.predict!(name, given, call);
          },
        },
      });
      const headers = { 'x-deadline-ms': '60000' };
      const from = performance.now();
      await ask({ path: infer, body: { inputs: [input] } });
      await ask({ path: infer, body: { inputs: [input] }, headers });
      await ask({ path: infer, body: { inputs: [input], parameters: { timeout: 30_000_000 } }, headers });
      const to = performance.now();
      expect(deadlines[0]).to.equal(undefined);
      expect(deadlines[1]).to.be.within(from + 60_000, to + 60_000);
      expect(deadlines[2]).to.be.within(from + 30_000, to + 30_000);
      const wrong = await ask({
        path: infer,
        body: { inputs: [input] },
        headers: { 'x-deadline-ms': 'soon' },
      });
      expect(errorOf(wrong)).to.contain('x-deadline-ms');
    });

    it('keeps a deadline for pipelines too', async () => {
      let deadline: number | undefined;
      const ask = await served({
        pipelines: { predict: async (_, __, call) => ((deadline = call.deadline), echoed('r', 'a')) },
      });
      const from = performance.now();
      await ask({ path: '/v2/models/echo/infer', body: { inputs: [], parameters: { timeout: 5_000_000 } } });
      expect(deadline).to.be.within(from + 5_000, performance.now() + 5_000);
    });
  });

  describe('errors', () => {
    it('of every layer are {"error": …}, with what to do in the headers', async () => {
      const ask = await served();
      const unknown = await ask({ path: '/v2/models/none/infer', body: { inputs: [] } });
      expect([unknown.status, errorOf(unknown)]).to.deep.equal([
        404,
        'there is no model "none"; there are echo, mirror',
      ]);
      for (const path of [
        '/v2/nothing',
        '/v2/models/mirror/x',
        '/v2/models/mirror/versions/3/x',
        '/v2/health',
        '/v2/health/x',
        '/v2/models//infer',
        '/v2/models/mirror/infer/x',
        '/v2/repository/x',
      ]) {
        const answer = await ask({ path });
        expect(answer.status, path).to.equal(404);
        errorOf(answer);
      }
      const method = await ask({ method: 'DELETE', path: infer });
      expect([method.status, method.headers['allow']]).to.deep.equal([405, 'POST']);
      expect(errorOf(method)).to.contain('use POST');
      expect((await ask({ method: 'POST', path: '/v2/health/live', body: {} })).headers['allow']).to.equal(
        'GET, HEAD',
      );
      const coding = await ask({ path: infer, body: '{}', headers: { 'content-encoding': 'zstd' } });
      expect(coding.status).to.equal(415);
      errorOf(coding);
    });

    it('say 501 to extensions that are not served', async () => {
      const ask = await served();
      for (const path of [
        '/v2/systemsharedmemory/status',
        '/v2/cudasharedmemory/region/r/register',
        '/v2/trace/setting',
        '/v2/models/mirror/trace/setting',
        '/v2/logging',
        '/v2/models/mirror/config',
        '/v2/models/mirror/generate',
      ]) {
        const answer = await ask({ path });
        expect(answer.status, path).to.equal(501);
        errorOf(answer);
      }
    });

    it('of a model keep their status, say when to try again, and tell nothing of faults', async () => {
      for (const [error, status, said] of [
        [
          new VivaceError('RESOURCE_EXHAUSTED', 'the queue is full', { retryAfterMs: 1200 }),
          429,
          'the queue is full',
        ],
        [new VivaceError('UNAVAILABLE', 'no instance'), 503, 'no instance'],
        [new VivaceError('DEADLINE_EXCEEDED', 'late'), 504, 'late'],
        [new TypeError('the password is 1234'), 500, 'internal error'],
      ] as const) {
        const ask = await served({
          predictors: { ...echoing(features), predict: async () => Promise.reject(error) },
        });
        const answer = await ask({ path: infer, body: { inputs: [input] } });
        expect([answer.status, errorOf(answer)]).to.deep.equal([status, said]);
        if (status === 429) expect(answer.headers['retry-after']).to.equal('2');
      }
    });

    it('of a request that cannot be read are counted by the pipeline', async () => {
      let counted = 0;
      const ask = await served({
        pipelines: {
          predict: async (_name, given) => {
            counted++;
            (given as () => unknown)();
            return echoed('r', null);
          },
        },
      });
      expect((await ask({ path: '/v2/models/echo/infer', body: '{' })).status).to.equal(400);
      expect(counted).to.equal(1);
    });
  });

  describe('a pipeline', () => {
    const text = { name: 'request.text', datatype: 'BYTES', shape: [1], data: ['ż'] };

    it('is a model: fields in, outputs out, lists as their JSON', async () => {
      const numbers = { name: 'request.numbers', datatype: 'BYTES', shape: [1], data: ['[1,"NaN"]'] };
      const answer = await (
        await served()
      )({ path: '/v2/models/echo/infer', body: { inputs: [text, numbers] } });
      expect(answer.json()).to.deep.equal({
        model_name: 'echo',
        outputs: [
          { name: 'text', datatype: 'BYTES', shape: [1], data: ['ż'] },
          { name: 'numbers', datatype: 'BYTES', shape: [1], data: ['[1,"NaN"]'] },
        ],
      });
    });

    it('describes its fields, and which may be left out', async () => {
      expect((await (await served())({ path: '/v2/models/echo' })).json()).to.deep.equal({
        name: 'echo',
        versions: [],
        platform: 'vivace_pipeline',
        inputs: [
          { name: 'request.text', datatype: 'BYTES', shape: [1] },
          { name: 'request.numbers', datatype: 'BYTES', shape: [1] },
        ],
        outputs: [
          { name: 'text', datatype: 'BYTES', shape: [1] },
          { name: 'numbers', datatype: 'BYTES', shape: [1] },
        ],
        properties: { optional: ['request.text', 'request.numbers'] },
      });
    });

    it('lists rows without a value in the parameter `nulls`, in and out', async () => {
      const ask = await served();
      const answer = await ask({
        path: '/v2/models/echo/infer',
        body: { inputs: [{ ...text, data: ['x'], parameters: { nulls: '[0]' } }] },
      });
      const { outputs } = answer.json() as InferResponse;
      expect(outputs[0]).to.deep.include({ data: [''], parameters: { nulls: '[0]' } });
      expect(outputs[1]).to.deep.include({ data: [''], parameters: { nulls: '[0]' } });
      for (const nulls of ['[1]', '[-1]', '[0.5]', '0', 'x', '{}', 5]) {
        const body = { inputs: [{ ...text, parameters: { nulls } }] };
        expect(errorOf(await ask({ path: '/v2/models/echo/infer', body })), String(nulls)).to.contain(
          '"nulls"',
        );
      }
    });

    it('says which models answered, and what is degraded', async () => {
      const degraded = [{ step: 'here', status: 'STALE', rows: 2 }] as const;
      const models = [{ step: 'delays', name: 'delay', version: '1' }];
      const ask = await served({
        pipelines: { predict: async () => ({ ...echoed('r', 'a'), models, degraded }) },
      });
      const { parameters } = (
        await ask({ path: '/v2/models/echo/infer', body: { inputs: [] } })
      ).json() as InferResponse;
      expect(JSON.parse(parameters!['degraded'] as string)).to.deep.equal(degraded);
      expect(JSON.parse(parameters!['models'] as string)).to.deep.equal(models);
    });

    it('has no versions', async () => {
      const answer = await (
        await served()
      )({ path: '/v2/models/echo/versions/1/infer', body: { inputs: [] } });
      expect([answer.status, errorOf(answer)]).to.deep.equal([
        404,
        'there is no version "1" of the model "echo": it has no versions',
      ]);
    });

    it('refuses a list that is not its JSON, and bytes that are not text', async () => {
      const ask = await served();
      for (const data of ['', '[1', '5', '[true]', 'null', '[[1]]', '[{}]']) {
        const body = { inputs: [{ name: 'request.numbers', datatype: 'BYTES', shape: [1], data: [data] }] };
        expect(errorOf(await ask({ path: '/v2/models/echo/infer', body })), data).to.contain(
          'request.numbers[0]',
        );
      }
      const bytes = Uint8Array.of(1, 0, 0, 0, 255);
      const request = { inputs: [{ ...text, data: undefined, parameters: { binary_data_size: 5 } }] };
      const answer = await ask({ path: '/v2/models/echo/infer', ...binaryRequest(request, bytes) });
      expect(errorOf(answer)).to.contain('request.text[0]: the bytes are not UTF-8');
    });

    it('with objects answers them in its order, with the index of each', async () => {
      const scored = { name: 'scored', type: parseType('float32') };
      const at = { name: 'at', type: parseType('timestamp'), optional: true };
      const ask = await served({
        pipelines: {
          names: () => ['rank'],
          describe: () => ({
            name: 'rank',
            description: 'ranks',
            request: [{ ...at, name: 'now', optional: false }],
            objects: { fields: [{ ...scored, name: 'score', optional: false }, at], max: 3 },
            outputs: [scored, at],
            deadlineMs: 100,
            explain: true,
            explained: [],
            plan: {},
          }),
          predict: async (_name, given, { requestId }) => {
            const { objects } = typeof given === 'function' ? given() : given;
            const [score, when] = objects!.columns;
            return {
              requestId,
              models: [],
              degraded: [],
              outputs: [score!, when!],
              objects: { fields: [], order: Uint32Array.of(2, 0) },
            };
          },
        },
      });
      const now = { name: 'request.now', datatype: 'INT64', shape: [1], data: [1_000_000] };
      const score = { name: 'object.score', datatype: 'FP32', shape: [3], data: [0.5, 1.5, 2.5] };
      const when = {
        name: 'object.at',
        datatype: 'INT64',
        shape: [3],
        data: [1, 2, 3],
        parameters: { nulls: '[0]' },
      };
      const path = '/v2/models/rank/infer';
      const answer = await ask({ path, body: { inputs: [score, now, when] } });
      expect((answer.json() as InferResponse).outputs).to.deep.equal([
        { name: 'index', datatype: 'INT32', shape: [2], data: [2, 0] },
        { name: 'scored', datatype: 'FP32', shape: [2], data: [2.5, 0.5] },
        { name: 'at', datatype: 'INT64', shape: [2], data: [3, 0], parameters: { nulls: '[1]' } },
      ]);
      const refused = async (...inputs: object[]): Promise<string> =>
        errorOf(await ask({ path, body: { inputs } }));
      expect(await refused(now, score, { ...when, shape: [2], data: [1, 2], parameters: {} })).to.contain(
        'object.at: 2 rows, but another input of objects has 3',
      );
      expect(await refused(now, { ...score, shape: [4], data: [1, 2, 3, 4] })).to.contain('at most 3');
      expect(await refused(now, { ...score, parameters: { nulls: '[1]' } })).to.contain('may not be null');
      expect(await refused({ ...now, data: [2n ** 60n].map(String) }, score)).to.contain('request.now[0]');
      expect(await refused(score)).to.contain('the input "request.now" is missing');
    });
  });

  describe('names', () => {
    async function mistake(own: OwnPlanes, options: object = {}): Promise<string> {
      try {
        await served(own, options);
      } catch (error) {
        expect(error).to.have.property('code', 'INVALID_CONFIG');
        return (error as Error).message;
      }
      throw new Error('there was no mistake');
    }

    it('that clash are a mistake, which prints the option to add', async () => {
      const predictors = echoing(features, { model: 'echo' });
      expect(await mistake({ predictors })).to.contain(
        'the pipeline "echo" and the predictor "part" are both the model "echo": add `models: { echo-2: { predictor: part } }`',
      );
      const ask = await served({ predictors }, { models: { 'echo-2': { predictor: 'part' } } });
      expect((await ask({ path: '/v2/models' })).json()).to.deep.equal({ models: ['echo', 'echo-2'] });
      expect(
        (await ask({ path: '/v2/models/echo-2/infer', body: { inputs: [input] } })).json(),
      ).to.have.property('model_name', 'echo-2');
    });

    it('of the protocol are a mistake', async () => {
      for (const model of ['stats', 'ready', 'versions', 'config']) {
        expect(await mistake({ predictors: echoing(features, { model }) })).to.contain(
          `models: { my-${model}: { predictor: part } }`,
        );
        expect(await mistake({}, { models: { [model]: { pipeline: 'echo' } } })).to.contain(
          'part of the protocol',
        );
      }
    });

    it('of what does not exist are mistakes, all at once', async () => {
      const models = { a: { predictor: 'none' }, b: { pipeline: 'none' } };
      const said = await mistake({}, { models });
      expect(said)
        .to.contain('models.a: there is no predictor "none"')
        .and.to.contain('models.b: there is no pipeline');
    });

    it('may be several for one model', async () => {
      const ask = await served({}, { models: { one: { pipeline: 'echo' }, two: { pipeline: 'echo' } } });
      expect((await ask({ path: '/v2/models' })).json()).to.deep.equal({ models: ['one', 'two', 'mirror'] });
    });
  });

  describe('statistics', () => {
    it('count what each model has answered and refused', async () => {
      const ask = await served();
      await ask({ path: infer, body: { inputs: [{ ...input, shape: [2, 2], data: [1, 2, 3, 4] }] } });
      await ask({ path: infer, body: { inputs: [] } });
      interface Stats {
        model_stats: {
          name: string;
          version: string;
          inference_count: number;
          execution_count: number;
          last_inference: number;
          inference_stats: Record<string, { count: number; ns: number }>;
        }[];
      }
      for (const path of ['/v2/models/mirror/stats', '/v2/models/mirror/versions/3/stats']) {
        const [stats, ...more] = ((await ask({ path })).json() as Stats).model_stats;
        expect(more).to.deep.equal([]);
        expect(stats).to.include({ name: 'mirror', version: '3', inference_count: 2, execution_count: 1 });
        expect(stats!.last_inference).to.be.greaterThan(0);
        const { success, fail, compute_input, compute_infer, compute_output } = stats!.inference_stats;
        expect(
          [success, fail, compute_input, compute_infer, compute_output].map((one) => one!.count),
        ).to.deep.equal([1, 1, 1, 1, 1]);
        expect(success!.ns).to.be.closeTo(compute_input!.ns + compute_infer!.ns + compute_output!.ns, 3);
      }
      const all = ((await ask({ path: '/v2/models/stats' })).json() as Stats).model_stats;
      expect(all.map(({ name, execution_count: count }) => [name, count])).to.deep.equal([
        ['echo', 0],
        ['mirror', 1],
      ]);
      expect((await ask({ path: '/v2/models/none/stats' })).status).to.equal(404);
    });
  });

  describe('the model repository', () => {
    const paths = [
      '/v2/repository/index',
      '/v2/repository/models/mirror/load',
      '/v2/repository/models/mirror/unload',
    ];

    it('is off without `admin`', async () => {
      const ask = await served();
      for (const path of paths) {
        const answer = await ask({ path, body: {} });
        expect(answer.status, path).to.equal(501);
        expect(errorOf(answer)).to.contain('admin: true');
      }
    });

    it('is refused on a server that does not listen itself', async () => {
      expect(await failureOf(served({}, { admin: true }))).to.match(
        /^INVALID_CONFIG .*parts\.[\w-]+\.admin: the server does not listen itself.*`host: 127\.0\.0\.1`$/,
      );
    });

    it('is refused on a server that listens beyond loopback', async () => {
      for (const [host, allowed] of [
        ['127.0.0.1', true],
        ['::1', true],
        ['0.0.0.0', false],
      ] as const) {
        const web = await startPart(express, { port: 0, host, drainIdleMs: 0 });
        const part = await startPart(
          openInference,
          { admin: true },
          { uses: { server: web.face(httpServer) } },
        );
        let said = '';
        try {
          await part.face(transport).serve(planes(), callContext());
        } catch (error) {
          said = (error as Error).message;
        }
        await part.stop();
        await web.stop();
        if (allowed) expect(said, host).to.equal('');
        else expect(said).to.contain('can be reached from other machines').and.to.contain('host: 127.0.0.1');
      }
    });

    describe('on loopback', () => {
      let address: string;
      let stop: () => Promise<void>;
      let refreshed: string[];
      before(async () => {
        refreshed = [];
        const web = await startPart(express, { port: 0, drainIdleMs: 0 });
        const server = web.face(httpServer);
        const part = await startPart(openInference, { admin: true }, { uses: { server } });
        const own: OwnPlanes = {
          predictors: {
            ...echoing(features),
            list: () => [...echoing(features).list!(), { name: 'empty', serving: undefined }],
            describe: async (name) => {
              const described = await echoing(features).describe!(name, undefined as never);
              return name === 'empty'
                ? { ...described, model: { ...described.model, name: 'void' } }
                : described;
            },
          },
          control: {
            refresh: async (name) => {
              refreshed.push(name);
              return { name, serving: undefined };
            },
          },
        };
        await part.face(transport).serve(planes(own), callContext());
        address = server.address()!;
        stop = async () => {
          await part.stop();
          await web.stop();
        };
      });
      after(() => stop());
      const post = async (path: string, body: string): Promise<[number, unknown]> => {
        const { status, text } = await sendOverSocket(address, {
          path,
          method: 'POST',
          body: Buffer.from(body),
        });
        return [status, JSON.parse(text)];
      };

      it('is an extension that the server names', async () => {
        const { text } = await sendOverSocket(address, { path: '/v2' });
        expect(JSON.parse(text)).to.have.property('extensions').that.includes('model_repository');
      });

      it('lists the models, all or those that are ready; an empty body is fine', async () => {
        const ready = [
          { name: 'echo', state: 'READY', reason: '' },
          { name: 'mirror', version: '3', state: 'READY', reason: '' },
        ];
        const all = [
          ...ready,
          { name: 'void', state: 'UNAVAILABLE', reason: 'predictor "empty" has no loaded model' },
        ];
        for (const body of ['', '{}', '{"ready":false}'])
          expect(await post('/v2/repository/index', body)).to.deep.equal([200, all]);
        expect(await post('/v2/repository/index', '{"ready":true}')).to.deep.equal([200, ready]);
        for (const body of ['{"ready":1}', '[]', 'x'])
          expect((await post('/v2/repository/index', body))[0]).to.equal(400);
      });

      it('loads by looking for a new version', async () => {
        expect(await post('/v2/repository/models/mirror/load', '')).to.deep.equal([200, {}]);
        expect(refreshed).to.deep.equal(['part']);
        expect((await post('/v2/repository/models/none/load', ''))[0]).to.equal(404);
        const [status, said] = await post('/v2/repository/models/echo/load', '');
        expect(status).to.equal(501);
        expect((said as { error: string }).error).to.contain('is a pipeline');
      });

      it('refuses files and configurations in the request', async () => {
        for (const name of ['file:1/model.onnx', 'config']) {
          const [status] = await post(
            '/v2/repository/models/mirror/load',
            JSON.stringify({ parameters: { [name]: 'x' } }),
          );
          expect(status, name).to.equal(400);
        }
      });

      it('does not unload', async () => {
        for (const body of ['', '{"parameters":{"unload_dependents":false}}'])
          expect((await post('/v2/repository/models/mirror/unload', body))[0]).to.equal(501);
      });
    });
  });
});
