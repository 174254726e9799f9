import { expect } from 'chai';
import { httpServer, transport, VivaceError, type HttpRequest, type HttpServer, type Tensor } from 'vivace';
import { memory, type InjectableServer, type InjectedResponse } from 'vivace/adapters/memory';
import { openInference } from 'vivace/plugins/open-inference';
import { callContext, echoed, planes, startPart } from 'vivace/testing';
import {
  binaryRequest,
  echoing,
  errorOf,
  features,
  infer,
  input,
  readBinary,
  served,
} from '../support/open-inference.js';

describe('open-inference', () => {
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

    const asParsed = (request: HttpRequest): HttpRequest => ({
      ...request,
      body: new Uint8Array(0),
      parsedBody: JSON.parse(Buffer.from(request.body).toString()),
    });
    for (const [body, given] of [
      ['its body', (request: HttpRequest) => request],
      ['a body that a middleware has parsed', asParsed],
    ] as const)
      it(`releases ${body} once the tensors are read`, async () => {
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
                    route.handle({ ...given(request), release: () => (isReleased = true) }, call),
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

    for (const timeout of [-1, 1.5, '5', 1e300, true])
      it(`refuses the parameter timeout ${JSON.stringify(timeout)}`, async () => {
        const answer = await (
          await served()
        )({ path: infer, body: { inputs: [input], parameters: { timeout } } });
        expect([answer.status, errorOf(answer)]).to.deep.equal([
          400,
          'parameters: "timeout" is not a whole number of microseconds; 0 is none',
        ]);
      });

    for (const timeout of [0, null])
      it(`has no deadline with the parameter timeout ${timeout}`, async () => {
        const body = { inputs: [input], parameters: { timeout } };
        expect((await (await served())({ path: infer, body })).status).to.equal(200);
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
});
