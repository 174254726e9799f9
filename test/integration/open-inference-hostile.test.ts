import { expect } from 'chai';
import fc from 'fast-check';
import { httpServer, transport } from 'vivace';
import { express } from 'vivace/adapters/express';
import { openInference } from 'vivace/plugins/open-inference';
import { callContext, planes, sendOverSocket, startPart } from 'vivace/testing';
import { gzipSync } from 'node:zlib';
import { fuzzRuns } from '../support/fuzz-runs.js';
import { binaryRequest, echoing } from '../support/open-inference.js';
import { RawConnection, type RawAnswer } from '../support/raw-socket.js';

const path = '/v2/models/mirror/infer';
const inputs = [
  { name: 'x', datatype: 'FP32', shape: [-1, 2] },
  { name: 's', datatype: 'BYTES', shape: [-1] },
  { name: 'n', datatype: 'INT64', shape: [-1, -1] },
] as const;
const good = {
  id: 'a',
  inputs: [
    { name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] },
    { name: 's', shape: [1], datatype: 'BYTES', data: ['a'] },
    { name: 'n', shape: [1, 1], datatype: 'INT64', data: [9] },
  ],
  outputs: [{ name: 's' }, { name: 'x', parameters: { binary_data: true } }],
};
const binary = binaryRequest(
  {
    inputs: good.inputs.map((input, i) => ({
      ...input,
      data: undefined,
      parameters: { binary_data_size: [8, 5, 8][i] },
    })),
  },
  Buffer.from(Float32Array.of(1, 2).buffer),
  Buffer.from([1, 0, 0, 0, 97]),
  Buffer.alloc(8),
);

function post(body: Uint8Array, headers: Readonly<Record<string, string>> = {}, to = path): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `POST ${to} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n${lines.join('')}\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

describe('hostile Open Inference requests', () => {
  let address: string;
  let stop: () => Promise<void>;
  before(async () => {
    const limits = { bodyLimitBytes: 100_000, decompressedLimitBytes: 200_000, stopTimeoutMs: 100 };
    const web = await startPart(express, { port: 0, ...limits });
    const server = web.face(httpServer);
    const part = await startPart(openInference, {}, { uses: { server } });
    await part.face(transport).serve(planes({ predictors: echoing(inputs) }), callContext());
    address = server.address()!;
    stop = async () => {
      await part.stop();
      await web.stop();
    };
  });
  after(() => stop());
  afterEach('the server answers a good request', async () => {
    for (const sent of [{ body: Buffer.from(JSON.stringify(good)) }, binary])
      expect((await sendOverSocket(address, { path, ...sent })).status).to.equal(200);
  });

  const answerTo = (...bytes: Uint8Array[]): Promise<RawAnswer | undefined> =>
    new RawConnection(address).send(...bytes).answer();

  function expectError(answer: RawAnswer | undefined, status: number): void {
    expect(answer?.status, answer?.body).to.equal(status);
    expect(answer?.headers['content-type']).to.equal('application/json');
    expect(Object.keys(JSON.parse(answer?.body ?? '') as object)).to.deep.equal(['error']);
  }

  it("answers the server's own refusals in the protocol's format", async () => {
    expectError(await answerTo(post(Buffer.alloc(100_001, ' '))), 413);
    expectError(
      await answerTo(post(gzipSync(Buffer.alloc(300_000, ' ')), { 'Content-Encoding': 'gzip' })),
      413,
    );
    expectError(await answerTo(post(Buffer.from('{}'), { 'Content-Encoding': 'zstd' })), 415);
    expectError(await answerTo(post(Buffer.from('{}'), { 'Content-Encoding': 'gzip' })), 400);
    expectError(await answerTo(Buffer.from(`PUT ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)), 405);
    expectError(await answerTo(Buffer.from(`GET /v2/none HTTP/1.1\r\nHost: x\r\n\r\n`)), 404);
    expectError(await answerTo(Buffer.from(`GET ${path} HTTP/1.1\r\n\r\n`)), 400);
    const early = new RawConnection(address).send(post(Buffer.from('{')).subarray(0, -1));
    early.socket.end();
    expectError(await early.answer(), 400);
  });

  it('takes chunks, and bodies of several encodings', async () => {
    const body = Buffer.from(JSON.stringify(good));
    const pieces = [body.subarray(0, 7), body.subarray(7)].map((piece) =>
      Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]),
    );
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`;
    expect((await answerTo(Buffer.from(head), ...pieces, Buffer.from('0\r\n\r\n')))?.status).to.equal(200);
    const { headers } = binary;
    const zipped = post(gzipSync(binary.body), { ...headers, 'Content-Encoding': 'gzip' });
    expect((await answerTo(zipped))?.status).to.equal(200);
  });

  it('does not allocate what a request only promises', async () => {
    const promise = (shape: number[], more: object): Buffer =>
      post(
        Buffer.from(
          JSON.stringify({ inputs: [good.inputs[0], good.inputs[1], { ...good.inputs[2], shape, ...more }] }),
        ),
      );
    const before = process.memoryUsage().rss;
    for (const shape of [
      [2_000_000_000, 1],
      [2_147_483_647, 2_147_483_647],
      [1, 1e15],
      [46_341, 46_341],
    ])
      for (const more of [
        { data: [1] },
        { data: [[1]] },
        { data: undefined, parameters: { binary_data_size: 0 } },
      ])
        expectError(await answerTo(promise(shape, more)), 400);
    expect(process.memoryUsage().rss - before).to.be.lessThan(200e6);
  });

  describe('anything', () => {
    const seeds = [
      post(Buffer.from(JSON.stringify(good)), { 'Content-Type': 'application/json' }),
      post(binary.body, binary.headers),
      post(Buffer.alloc(8), { 'Inference-Header-Content-Length': '0' }),
      post(Buffer.from('{"inputs":[]}'), {}, '/v2/models/echo/infer'),
      post(Buffer.from('{}'), {}, '/v2/repository/index'),
      Buffer.from('GET /v2/models/mirror/versions/3/ready HTTP/1.1\r\nHost: x\r\n\r\n'),
    ].map((bytes) => bytes.toString('latin1'));
    const token = fc.constantFrom(
      '\r\n',
      '\0',
      '%',
      '"',
      '[',
      ']',
      '{',
      '}',
      ',',
      '-',
      'NaN',
      '1e999',
      '9223372036854775808',
      '99999999999',
      'null',
      'BYTES',
      'INT64',
      'FP16',
      '"binary_data_size":4294967295',
      '\u00ff\u00ff\u00ff\u00ff',
      '__proto__',
      'Inference-Header-Content-Length: 7\r\n',
      'Content-Encoding: gzip\r\n',
      '/versions/',
      '\\ud800',
    );
    const mutated = fc
      .tuple(
        fc.constantFrom(...seeds),
        fc.array(
          fc.record({
            at: fc.nat(600),
            remove: fc.nat(4),
            insert: fc.oneof(
              fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
              token,
            ),
          }),
          { minLength: 1, maxLength: 4 },
        ),
      )
      .map(([text, edits]) =>
        edits.reduce((now, { at, remove, insert }) => {
          const from = at % now.length;
          return now.slice(0, from) + insert + now.slice(from + remove);
        }, text),
      );

    it('is answered with 2xx or a refusal in JSON, and never with a fault', async () => {
      const seen = new Set<number>();
      await fc.assert(
        fc.asyncProperty(mutated, async (text) => {
          const connection = new RawConnection(address).send(Buffer.from(text, 'latin1'));
          connection.socket.end();
          for (const { status, headers, body } of await connection.rest()) {
            seen.add(status);
            expect(status === 501 || (status >= 100 && status < 500), `${status} ${body}`).to.equal(true);
            if (status < 400 || body === '') continue;
            expect(headers['content-type']).to.equal('application/json');
            expect(JSON.parse(body)).to.satisfy((error: object) => 'error' in error || 'code' in error);
          }
          await connection.ended;
        }),
        { numRuns: fuzzRuns(1_000) },
      );
      expect([...seen]).to.include.members([200, 400]);
    });

    /** JSON that is nearly a request: values of the good one replaced by others. */
    const value = fc.oneof(
      fc.constantFrom<unknown>(
        null,
        true,
        -1,
        0,
        2 ** 31,
        1e300,
        2 ** 53,
        '',
        'x',
        'FP32',
        [],
        {},
        [[]],
        [[1], [2]],
      ),
      fc.jsonValue({ maxDepth: 3 }),
    );
    const key = fc.constantFrom('id', 'inputs', 'outputs', 'parameters');
    const tensorKey = fc.constantFrom('name', 'shape', 'datatype', 'data', 'parameters');
    const changed = fc
      .array(fc.tuple(fc.nat(2), fc.option(tensorKey, { freq: 5 }), key, value), {
        minLength: 1,
        maxLength: 3,
      })
      .map((changes) => {
        const request = structuredClone(good) as Record<string, unknown>;
        for (const [input, inner, outer, to] of changes) {
          const list = request['inputs'];
          const tensor: unknown = Array.isArray(list) ? list[input] : undefined;
          if (inner !== null && typeof tensor === 'object' && tensor !== null)
            (tensor as Record<string, unknown>)[inner] = to;
          else request[outer] = to;
        }
        return request;
      });

    it('is answered as a request, too', async () => {
      await fc.assert(
        fc.asyncProperty(changed, fc.option(fc.nat(300), { freq: 3 }), async (request, length) => {
          const answer = await sendOverSocket(address, {
            path,
            body: Buffer.from(JSON.stringify(request)),
            headers: length === null ? {} : { 'inference-header-content-length': String(length) },
          });
          expect(answer.status, answer.text).to.be.oneOf([200, 400, 501]);
          if (answer.status !== 200) expect(JSON.parse(answer.text)).to.have.all.keys('error');
        }),
        { numRuns: fuzzRuns(1_000) },
      );
    });
  });
});
