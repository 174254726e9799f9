import { expect } from 'chai';
import { context, propagation, trace, TraceFlags, type TextMapPropagator } from '@opentelemetry/api';
import { httpServer, transport, VivaceError, type Call, type LogRecord } from 'vivace';
import {
  memory,
  type InjectableServer,
  type InjectedRequest,
  type InjectedResponse,
} from 'vivace/adapters/memory';
import { rest } from 'vivace/plugins/rest';
import { callContext, echoed, planes, startPart, type OwnPlanes } from 'vivace/testing';
import { predict, type ErrorBody } from '../support/echo-answers.js';

/** The smallest request that is answered. */
const nothing = { request: {} };

/** A rest API over the server in memory. */
async function served(
  own: OwnPlanes['pipelines'] = {},
  options: object = {},
  log: LogRecord[] = [],
): Promise<(request: InjectedRequest) => Promise<InjectedResponse>> {
  const host = await startPart(memory, {}, { onLog: (record) => log.push(record) });
  const server = host.face(httpServer) as InjectableServer;
  const part = await startPart(rest, options, { uses: { server } });
  await part.face(transport).serve(planes({ pipelines: own }), callContext());
  return (request) => server.inject(request);
}

async function refused(body: string | Uint8Array, headers: Record<string, string> = {}): Promise<ErrorBody> {
  const answer = await (await served())({ path: predict, body, headers });
  expect(answer.status, answer.text).to.equal(400);
  return answer.json() as ErrorBody;
}

describe('rest', () => {
  it('hands the JSON of the body to the pipeline and answers with its text', async () => {
    const ask = await served();
    const answer = await ask({
      path: predict,
      body: { request: { text: 'ż', numbers: [1, 2] } },
      headers: { 'x-request-id': 'r.1-2_3' },
    });
    expect(answer.status).to.equal(200);
    expect(answer.headers).to.include({ 'content-type': 'application/json', 'x-request-id': 'r.1-2_3' });
    expect(answer.json()).to.deep.equal({
      requestId: 'r.1-2_3',
      models: [],
      outputs: { text: 'ż', numbers: [1, 2] },
      degraded: [],
    });
  });

  it('makes up a request id where the caller sends none or one it will not repeat', async () => {
    const ask = await served();
    for (const id of [undefined, '', 'a b', 'x'.repeat(129), 'ż']) {
      const headers: Record<string, string> = id === undefined ? {} : { 'x-request-id': id };
      const answer = await ask({ path: predict, body: nothing, headers });
      expect(answer.headers['x-request-id']).to.match(/^[0-9a-f-]{36}$/);
    }
  });

  it('passes on the deadline and the signal', async () => {
    let seen: Call | undefined;
    const ask = await served({ predict: async (_, __, call) => ((seen = call), echoed('r', null)) });
    const from = performance.now();
    const peer = new AbortController();
    await ask({ path: predict, body: nothing, headers: { 'x-deadline-ms': '250' }, signal: peer.signal });
    expect(seen?.deadline).to.be.within(from + 250, performance.now() + 250);
    peer.abort();
    expect(seen?.signal.aborted).to.equal(true);
  });

  it('refuses a deadline that is not a whole number of milliseconds from 1 to what a timer can wait', async () => {
    for (const deadline of ['0', '-1', '1.5', 'soon', '', '2147483648']) {
      const { message } = await refused('{}', { 'x-deadline-ms': deadline });
      expect(message).to.contain('x-deadline-ms');
    }
  });

  it('passes on the trace that the global propagator reads from the headers', async () => {
    const propagator: TextMapPropagator = {
      inject: () => undefined,
      fields: () => ['traceparent'],
      extract: (from, carrier, getter) => {
        const [, traceId = '', spanId = ''] = String(getter.get(carrier, 'traceparent')).split('-');
        return trace.setSpanContext(from, {
          traceId,
          spanId,
          traceFlags: TraceFlags.SAMPLED,
          isRemote: true,
        });
      },
    };
    propagation.setGlobalPropagator(propagator);
    try {
      let seen: Call | undefined;
      const ask = await served({ predict: async (_, __, call) => ((seen = call), echoed('r', null)) });
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      await ask({ path: predict, body: nothing, headers: { traceparent } });
      const span = trace.getSpanContext(seen?.trace ?? context.active());
      expect(span?.traceId).to.equal('0af7651916cd43dd8448eb211c80319c');
    } finally {
      propagation.disable();
    }
  });

  it('says where JSON breaks, and in which field', async () => {
    const error = await refused('{"request": {"a": 1, "b": [1, }}');
    expect(error).to.deep.include({ code: 'INVALID_ARGUMENT', path: 'request.b[1]' });
    expect(error.message).to.contain('position 30');
  });

  for (const [text, path, hint] of [
    ['{"request": {"delay": NaN}}', 'request.delay', 'send the string "NaN"'],
    ['{"objects": [{"x": 1}, {"x": -Infinity}]}', 'objects[1].x', 'send the string "-Infinity"'],
    ['{"a": "x', 'a', 'ends inside a string'],
    ['{"a": "\\x"}', 'a', 'escape'],
    ['{"a": "\n"}', 'a', 'control character'],
    ["{'a': 1}", undefined, 'double quotes'],
    ['{"a" 1}', 'a', '":" is expected'],
    ['{"a": 01}', undefined, '"}" is expected'],
    ['{"a": undefined}', 'a', 'not "undefined"'],
    ['{"a": [1 2]}', 'a', '"]" is expected'],
    ['{} {}', undefined, 'goes on'],
    ['{"a":', 'a', 'ends where a value'],
    ['', undefined, 'empty'],
    [' \n', undefined, 'empty'],
  ] as const) {
    it(`explains ${JSON.stringify(text)}`, async () => {
      const error = await refused(text);
      expect(error.path).to.equal(path);
      expect(error.message).to.contain(hint);
    });
  }

  it('refuses bytes that are no UTF-8', async () => {
    const { message } = await refused(
      Uint8Array.from([...Buffer.from('{"a":"'), 0xff, 0xfe, ...Buffer.from('"}')]),
    );
    expect(message).to.contain('UTF-8');
  });

  it('ignores a byte order mark', async () => {
    const answer = await (await served())({ path: predict, body: '\ufeff{"request":{"numbers":[1]}}' });
    expect(answer.json()).to.have.nested.property('outputs.numbers[0]', 1);
  });

  it('counts nesting outside of strings only', async () => {
    const ask = await served({}, { maxDepth: 4 });
    const text = '{"request":{"text":"[[[[{{{{\\"]]]]"}}';
    expect((await ask({ path: predict, body: text })).status).to.equal(200);
    const deep = await ask({ path: predict, body: '{"a":[[[[]]]]}' });
    expect(deep.status).to.equal(400);
    expect((deep.json() as ErrorBody).message).to.contain('deeper than 4 levels, at byte 8');
  });

  it('refuses keys that could reach a prototype, however they are written', async () => {
    expect((await refused('{"request":{"__proto__":{"admin":true}}}')).path).to.equal('request.__proto__');
    expect((await refused('{"objects":[1,{"constructor":1}]}')).path).to.equal('objects[1].constructor');
    expect((await refused('{"objects":[{"prototype":1}]}')).path).to.equal('objects[0].prototype');
    expect((await refused('{"\\u005f_proto__":1}')).path).to.equal('__proto__');
  });

  it('takes those words as values', async () => {
    const answer = await (await served())({ path: predict, body: '{"request":{"text":"__proto__"}}' });
    expect([answer.status, (answer.json() as ErrorBody).outputs?.text]).to.deep.equal([200, '__proto__']);
  });

  it('takes JSON without a content type or with a UTF-8 charset, and answers 415 to others', async () => {
    const ask = await served();
    for (const type of [
      'application/json',
      'Application/JSON; charset=UTF-8',
      'application/json; charset="utf-8"',
    ]) {
      expect(
        (await ask({ path: predict, body: JSON.stringify(nothing), headers: { 'content-type': type } }))
          .status,
      ).to.equal(200);
    }
    expect((await ask({ path: predict, body: nothing })).status).to.equal(200);
    for (const type of [
      'text/plain',
      'application/json; charset=latin1',
      'application/x-www-form-urlencoded',
      '',
    ]) {
      expect(
        (await ask({ path: predict, body: JSON.stringify(nothing), headers: { 'content-type': type } }))
          .status,
      ).to.equal(415);
    }
  });

  it('answers 405 with Allow to another method', async () => {
    const ask = await served();
    const wrong = await ask({ method: 'GET', path: predict });
    expect([wrong.status, wrong.headers.allow]).to.deep.equal([405, 'POST']);
    expect((await ask({ method: 'DELETE', path: '/v1/pipelines' })).headers.allow).to.equal('GET, HEAD');
    // HTTP/2 takes any text for a method.
    expect((await ask({ method: 'constructor', path: predict })).status).to.equal(405);
  });

  it('leaves other paths to others', async () => {
    const ask = await served({}, { prefix: '/ml' });
    for (const path of [
      '/v1/pipelines',
      '/ml',
      '/mlv1/pipelines',
      '/ml/v1/pipelines/',
      '/ml/v1/pipelines/echo/x',
    ]) {
      expect((await ask({ path })).status, path).to.equal(404);
    }
    expect((await ask({ path: '/ml/v1/pipelines' })).status).to.equal(200);
  });

  it('answers 400 to a broken percent-encoding and decodes a good one', async () => {
    const ask = await served();
    expect((await ask({ path: '/v1/pipelines/%E0%A4%A/predict', body: nothing })).status).to.equal(400);
    expect((await ask({ path: '/v1/pipelines/ech%6f/predict', body: nothing })).status).to.equal(200);
  });

  it('answers 404 with the names that exist', async () => {
    const answer = await (await served())({ path: '/v1/pipelines/nope/predict', body: nothing });
    expect(answer.status).to.equal(404);
    expect((answer.json() as ErrorBody).message).to.contain('there is echo');
  });

  it('lists and describes the pipelines', async () => {
    const ask = await served();
    expect((await ask({ path: '/v1/pipelines' })).json()).to.deep.equal({ pipelines: ['echo'] });
    expect((await ask({ path: '/v1/pipelines/echo' })).json()).to.include.keys(
      'requestSchema',
      'responseSchema',
      'plan',
    );
  });

  it('makes an OpenAPI document whose references resolve', async () => {
    const document = (
      await (
        await served({}, { prefix: '/ml' })
      )({ path: '/ml/openapi.json' })
    ).json() as object;
    expect(document).to.deep.include({ openapi: '3.1.0', info: { title: 'Vivace', version: '1.2.3' } });
    expect(document).to.have.nested.property('paths./ml/v1/pipelines/echo/predict.post.requestBody');
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(
      ([, path = '']) => path,
    );
    expect(references).to.include('components/schemas/echo.Request');
    for (const reference of references) {
      const target = reference
        .split('/')
        .reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], document);
      expect(target, reference).to.be.an('object');
    }
  });

  it('answers every mistake of a request, and cuts what repeats the text of the caller', async () => {
    const long = 'n'.repeat(4000);
    const { path, message, details } = await refused(
      JSON.stringify({ request: { text: 1, numbers: ['x', 'y'], nubmers: [], [long]: 1 } }),
    );
    expect([path, message]).to.deep.equal([
      'request.text',
      'request.text: 1 is not a string; and 3 more mistakes',
    ]);
    expect(details!.slice(0, 3)).to.deep.equal([
      { path: 'request.text', message: '1 is not a string' },
      { path: 'request.numbers[0]', message: '"x" is not a float64' },
      { path: 'request.nubmers', message: 'unknown field; did you mean "numbers"?' },
    ]);
    expect(details![3]!.path).to.have.length(200);
    expect(details![3]!.message).to.equal('unknown field');
  });

  it('reads no body that no request of the pipeline has, and none for a pipeline that is not there', async () => {
    const description = planes().data.pipelines.describe('echo');
    const small: typeof description = { ...description, request: [description.request[0]!] };
    const ask = await served({
      names: () => ['small'],
      describe: (name) => {
        if (name === 'small') return small;
        throw new VivaceError('NOT_FOUND', `there is no pipeline "${name}"`);
      },
      predict: async (name, input, call) =>
        planes().data.pipelines.predict(name === 'small' ? 'echo' : name, input, call),
    });
    const statusOf = async (name: string, bytes: number): Promise<number> =>
      (await ask({ path: `/v1/pipelines/${name}/predict`, body: ' '.repeat(bytes) })).status;
    // 65,536 units of six bytes, 64 for white space around the value and its name of four bytes, and 64 KiB.
    const most = 65_536 * 6 + 64 + 64 + 4 + 65_536;
    expect([await statusOf('small', most), await statusOf('small', most + 1)]).to.deep.equal([400, 413]);
    expect(await statusOf('other', 9_000_000)).to.equal(404);
  });

  it('answers a failure of the pipeline with its code, path and status', async () => {
    const error = new VivaceError('FEATURE_MISSING', 'no row', { path: 'objects[3].destination' });
    const ask = await served({ predict: () => Promise.reject(error) });
    const answer = await ask({ path: predict, body: nothing, headers: { 'x-request-id': 'r1' } });
    expect(answer.status).to.equal(422);
    const body = {
      code: 'FEATURE_MISSING',
      message: 'no row',
      path: 'objects[3].destination',
      requestId: 'r1',
    };
    expect(answer.json()).to.deep.equal(body);
  });

  it('says in whole seconds when to try again', async () => {
    const error = new VivaceError('RESOURCE_EXHAUSTED', 'the queue is full', { retryAfterMs: 1200 });
    const answer = await (
      await served({ predict: () => Promise.reject(error) })
    )({ path: predict, body: nothing });
    expect([answer.status, answer.headers['retry-after']]).to.deep.equal([429, '2']);
  });

  it('keeps the details of an unknown error to the log, once, with the request id', async () => {
    for (const error of [new Error('secret /etc/passwd'), new VivaceError('INTERNAL', 'secret')]) {
      const log: LogRecord[] = [];
      const ask = await served({ predict: () => Promise.reject(error) }, {}, log);
      const answer = await ask({ path: predict, body: nothing, headers: { 'x-request-id': 'r7' } });
      expect(answer.status).to.equal(500);
      expect(answer.json()).to.deep.equal({ code: 'INTERNAL', message: 'internal error', requestId: 'r7' });
      expect(log).to.have.length(1);
      expect(log[0]).to.deep.include({ level: 'error', error, fields: { requestId: 'r7' } });
    }
  });
});
