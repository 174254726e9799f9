import { expect } from 'chai';
import fc from 'fast-check';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { sendOverSocket } from 'vivace/testing';
import { RawConnection, type RawAnswer } from '../support/raw-socket.js';
import { restOverExpress, type RunningApi } from '../support/rest-over-express.js';
import { fuzzRuns } from '../support/fuzz-runs.js';

const path = '/v1/pipelines/echo/predict';
/** The smallest request that is answered. */
const good = '{"request":{}}';

/** A POST with a body and, before it, whatever headers a test is about. */
function post(body: string | Uint8Array, headers = '', length = Buffer.byteLength(body)): Buffer {
  const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n${headers}\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body as string)]);
}

function chunked(body: string, headers = ''): string {
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n${headers}\r\n${body}`;
}

function expectError(answer: RawAnswer | undefined, status: number): void {
  expect(answer?.status, answer?.body).to.equal(status);
  expect(answer?.headers['content-type']).to.equal('application/json');
  const error = JSON.parse(answer?.body ?? '') as { code: string; message: string; requestId: string };
  expect(error.requestId).to.match(/^[0-9a-f-]{36}$/);
  expect(answer?.headers['x-request-id']).to.equal(error.requestId);
  expect(error.code).to.equal('INVALID_ARGUMENT');
  expect(error.message)
    .to.be.a('string')
    .and.not.match(/node:|\bat .*:\d+/);
}

describe('hostile input over HTTP', () => {
  let api: RunningApi;
  before(async () => {
    const limits = { bodyLimitBytes: 100_000, decompressedLimitBytes: 200_000, headerLimitBytes: 4_096 };
    api = await restOverExpress({ ...limits, stopTimeoutMs: 100 });
  });
  after(() => api.stop());
  afterEach('the server answers a good request', async () => {
    const body = Buffer.from(good);
    expect((await sendOverSocket(api.address, { path, body })).status).to.equal(200);
  });

  const open = (): RawConnection => new RawConnection(api.address);
  /** The answer to bytes that are sent at once. */
  const answerTo = (...bytes: (string | Uint8Array)[]): Promise<RawAnswer | undefined> =>
    open()
      .send(...bytes)
      .answer();

  describe('bodies', () => {
    it('answers 400 to a body that its sender ends early', async () => {
      const connection = open().send(post('{"request":', '', 100));
      connection.socket.end();
      expectError(await connection.answer(), 400);
      await connection.ended;
    });

    it('survives a connection that is cut inside a body', async () => {
      const connection = open().send(post('{"request":', '', 100));
      await new Promise((resolve) => connection.socket.once('connect', resolve));
      connection.socket.resetAndDestroy();
      await connection.ended;
    });

    it('does not repeat a key of any length', async () => {
      const answer = await answerTo(post(`{"${'k'.repeat(50_000)}":[{"__proto__":1}]}`));
      expectError(answer, 400);
      expect(answer?.body.length).to.be.below(1_000);
    });

    it('reads chunks, however small', async () => {
      const pieces = Array.from('{"request":{"text":"żółć"}}').map(
        (piece) => `${Buffer.byteLength(piece).toString(16)}\r\n${piece}\r\n`,
      );
      const answer = await answerTo(chunked(`${pieces.join('')}0\r\n\r\n`));
      expect(answer?.status).to.equal(200);
      expect(JSON.parse(answer?.body ?? '')).to.have.nested.property('outputs.text', 'żółć');
    });

    it('answers 501 to a transfer coding besides chunks', async () => {
      const bytes = chunked(`e\r\n${good}\r\n0\r\n\r\n`).replace('chunked', 'gzip, chunked');
      const answer = await answerTo(bytes);
      expect(answer?.status).to.equal(501);
      expect(JSON.parse(answer?.body ?? '')).to.include({
        code: 'UNIMPLEMENTED',
        message:
          'the transfer encoding "gzip, chunked" is not served: send the body in chunks, and compress it by Content-Encoding',
      });
    });

    it('answers 400 to a broken chunk size', async () => {
      expectError(await answerTo(chunked('zz\r\n{}\r\n0\r\n\r\n')), 400);
    });

    it('answers 413 to chunks that exceed the limit together', async () => {
      const chunk = `4e20\r\n${' '.repeat(20_000)}\r\n`;
      expectError(await answerTo(chunked(chunk.repeat(6))), 413);
    });

    it('answers 413 to a large announced body before it comes', async () => {
      expectError(await answerTo(post('', '', 100_001)), 413);
    });

    it('goes on with the connection after a refused body has come to its end', async () => {
      const connection = open().send(post(' '.repeat(100_001)), post(good));
      expectError(await connection.answer(), 413);
      expect((await connection.answer())?.status).to.equal(200);
      connection.socket.destroy();
    });

    for (const [name, length] of [
      ['two lengths', '5\r\nContent-Length: 6'],
      ['a negative length', '-1'],
      ['a length that is no number', 'five'],
      ['a length and chunks', '5\r\nTransfer-Encoding: chunked'],
    ]) {
      it(`answers 400 to ${name}`, async () => {
        const bytes = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n{"a":1}`;
        expectError(await answerTo(bytes), 400);
      });
    }

    it('answers 400 to an empty body, broken UTF-8, deep nesting and a bare NaN', async () => {
      const deep = '['.repeat(90_000);
      for (const body of ['', Uint8Array.of(0x22, 0xc3, 0x28, 0x22), deep, '{"a":'.repeat(9_000), '[NaN]']) {
        expectError(await answerTo(post(body)), 400);
      }
    });

    it('answers 415 to another content type', async () => {
      expectError(await answerTo(post('a=1', 'Content-Type: application/x-www-form-urlencoded\r\n')), 415);
    });
  });

  describe('content encodings', () => {
    it('undoes gzip, deflate, raw deflate and br', async () => {
      const body = Buffer.from('{"request":{"text":"some"}}');
      for (const [encoding, bytes] of [
        ['gzip', gzipSync(body)],
        ['x-gzip', gzipSync(body)],
        ['deflate', deflateSync(body)],
        ['deflate', deflateRawSync(body)],
        ['BR', brotliCompressSync(body)],
        ['identity', body],
      ] as const) {
        expect((await answerTo(post(bytes, `Content-Encoding: ${encoding}\r\n`)))?.status, encoding).to.equal(
          200,
        );
      }
    });

    it('answers 413 to a bomb in each of them', async () => {
      const bomb = Buffer.alloc(5_000_000);
      for (const [encoding, bytes] of [
        ['gzip', gzipSync(bomb)],
        ['deflate', deflateSync(bomb)],
        ['br', brotliCompressSync(bomb)],
      ] as const) {
        expectError(await answerTo(post(bytes, `Content-Encoding: ${encoding}\r\n`)), 413);
      }
    });

    it('answers 400 to compressed data that ends early or is none', async () => {
      const half = gzipSync('{"a":"some text"}').subarray(0, 20);
      expectError(await answerTo(post(half, 'Content-Encoding: gzip\r\n')), 400);
      expectError(await answerTo(post('{"a":1}', 'Content-Encoding: br\r\n')), 400);
    });

    it('answers 415 to a coding it does not know, and to several', async () => {
      for (const encoding of ['zstd', 'gzip, br', 'constructor', '__proto__']) {
        expectError(await answerTo(post(good, `Content-Encoding: ${encoding}\r\n`)), 415);
      }
    });
  });

  describe('request lines and headers', () => {
    it('answers 431 to headers and to a path beyond the limit', async () => {
      expectError(await answerTo(post(good, `X-Long: ${'x'.repeat(5_000)}\r\n`)), 431);
      expectError(await answerTo(`GET /${'x'.repeat(5_000)} HTTP/1.1\r\nHost: x\r\n\r\n`), 431);
      expectError(await answerTo(post(good, 'X: yyyy\r\n'.repeat(1_000))), 431);
    });

    it('answers 405 to a method that the route has not', async () => {
      for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND']) {
        const answer = await answerTo(`${method} ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
        expectError(answer, 405);
        expect(answer?.headers.allow).to.equal('POST');
      }
    });

    it('answers 405 to CONNECT and closes', async () => {
      const connection = open().send('CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n');
      expectError(await connection.answer(), 405);
      await connection.ended;
    });

    it('answers 400 to what is no HTTP', async () => {
      for (const bytes of [
        '\0\0\0\0',
        'FOO / HTTP/1.1\r\n\r\n',
        'GET / HTTP/eleven\r\n\r\n',
        '\x16\x03\x01\x02\0',
      ]) {
        expectError(await answerTo(bytes), 400);
      }
    });

    it('answers 400 to HTTP/1.1 without Host, and to a header with a control character', async () => {
      expectError(await answerTo(`GET ${path} HTTP/1.1\r\n\r\n`), 400);
      expectError(await answerTo(post(good, 'X-Bad: a\0b\r\n')), 400);
    });

    it('answers 400 to broken percent-encodings', async () => {
      for (const name of ['%', '%zz', '%E0%A4%A', '%ff']) {
        expectError(
          await answerTo(
            `POST /v1/pipelines/${name}/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`,
          ),
          400,
        );
      }
    });

    it('answers 404 to paths that climb or that are none', async () => {
      for (const target of [
        '/../../etc/passwd',
        '/v1/pipelines/../../x',
        '*',
        '//',
        '/v1/pipelines/%2e%2e%2fx',
      ]) {
        const answer = await answerTo(`OPTIONS ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
        expect(answer?.status, target).to.be.oneOf([404, 405]);
      }
    });

    it('takes the absolute form of a proxy', async () => {
      const answer = await answerTo(`GET http://x/v1/pipelines?a=b HTTP/1.1\r\nHost: x\r\n\r\n`);
      expect(answer?.status).to.equal(200);
    });

    it('takes no path from the query of an absolute form', async () => {
      const answer = await answerTo(`GET http://x?/v1/pipelines HTTP/1.1\r\nHost: x\r\n\r\n`);
      expect(answer?.status).to.equal(404);
      expect(JSON.parse(answer?.body ?? '')).to.have.property('message', 'nothing answers GET /');
    });

    it('gives leave to send a body, and none for one that is too large', async () => {
      const connection = open().send(post('', 'Expect: 100-continue\r\n', good.length));
      expect((await connection.answer())?.status).to.equal(100);
      expect((await connection.send(good).answer())?.status).to.equal(200);
      connection.socket.destroy();
      const refused = open().send(post('', 'Expect: 100-continue\r\n', 100_001));
      expectError(await refused.answer(), 413);
      await refused.ended;
    });

    it('answers 417 to another expectation', async () => {
      expectError(await answerTo(post(good, 'Expect: a-miracle\r\n')), 417);
    });
  });

  describe('connections', () => {
    it('answers pipelined requests in their order', async () => {
      const ids = ['a', 'b', 'c', 'd'];
      const connection = open().send(Buffer.concat(ids.map((id) => post(good, `X-Request-Id: ${id}\r\n`))));
      for (const id of ids) expect((await connection.answer())?.headers['x-request-id']).to.equal(id);
      connection.socket.destroy();
    });

    it('finishes the requests before garbage in a pipeline, and closes', async () => {
      const answers = await open()
        .send(Buffer.concat([post(good), post(good), Buffer.from('\0garbage\r\n\r\n')]))
        .rest();
      expect(answers.slice(0, 2).map(({ status }) => status)).to.deep.equal([200, 200]);
      if (answers[2] !== undefined) expectError(answers[2], 400);
    });

    it('answers 400 to garbage on an idle connection', async () => {
      const connection = open().send(post(good));
      expect((await connection.answer())?.status).to.equal(200);
      expectError(await connection.send('\0\0\r\n\r\n').answer(), 400);
      await connection.ended;
    });

    it('keeps answering others while many connections send nothing', async () => {
      const idle = Array.from({ length: 200 }, () => open().send('POST '));
      expect((await answerTo(post(good)))?.status).to.equal(200);
      for (const { socket } of idle) socket.destroy();
    });
  });

  describe('anything', () => {
    const requests = [
      post('{"request":{"text":"a"}}', 'X-Request-Id: abc\r\nContent-Type: application/json\r\n').toString(
        'latin1',
      ),
      chunked('a\r\n{"request"\r\n4\r\n:{}}\r\n0\r\n\r\n'),
      'GET /v1/pipelines/echo HTTP/1.1\r\nHost: x\r\n\r\n',
    ];
    /** A good request with bytes replaced, put in, left out, or cut off. */
    const mutated = fc
      .tuple(
        fc.constantFrom(...requests),
        fc.array(
          fc.record({
            at: fc.nat(200),
            remove: fc.nat(4),
            insert: fc.oneof(
              fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
              fc.constantFrom(
                '\r\n',
                '\0',
                '%',
                '"',
                '[',
                'NaN',
                ': ',
                'Transfer-Encoding: chunked\r\n',
                '\r\n\r\n',
              ),
            ),
          }),
          { minLength: 1, maxLength: 4 },
        ),
      )
      .map(([text, edits]) =>
        edits.reduce(
          (now, { at, remove, insert }) => now.slice(0, at) + insert + now.slice(at + remove),
          text,
        ),
      );

    it('is answered with 2xx or a refusal in JSON, and the connection ends', async () => {
      await fc.assert(
        fc.asyncProperty(mutated, async (text) => {
          const connection = open().send(Buffer.from(text, 'latin1'));
          connection.socket.end();
          for (const { status, headers, body } of await connection.rest()) {
            // 501: an edit may have made a transfer coding of something.
            expect(status === 501 || (status >= 100 && status < 500), String(status)).to.equal(true);
            if (status < 400 || body === '') continue;
            expect(headers['content-type']).to.equal('application/json');
            expect(JSON.parse(body)).to.include.keys('code', 'message');
          }
          await connection.ended;
        }),
        { numRuns: fuzzRuns(400) },
      );
    });

    it('is answered as a body, too', async () => {
      const token = fc.constantFrom(
        ...'{}[]",:\\0123456789.eE+-truefalsn \n\t\u0000żNaI_'.split(''),
        '__proto__',
        '\\u00',
      );
      const body = fc.oneof(
        fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
        fc.array(token, { maxLength: 30 }).map((tokens) => Buffer.from(tokens.join(''))),
        fc.json().map((json) => Buffer.from(json)),
      );
      await fc.assert(
        fc.asyncProperty(body, async (bytes) => {
          const answer = await sendOverSocket(api.address, { path, body: bytes });
          expect(answer.status, answer.text).to.be.oneOf([200, 400]);
          if (answer.status === 200)
            expect(() => JSON.parse(bytes.toString().trim()) as unknown).not.to.throw();
          else expect(JSON.parse(answer.text)).to.include({ code: 'INVALID_ARGUMENT' });
        }),
        { numRuns: fuzzRuns(400) },
      );
    });
  });
});

describe('senders that take their time', () => {
  it('answers 408 to headers and to bodies that do not come', async () => {
    const api = await restOverExpress({ headersTimeoutMs: 60, requestTimeoutMs: 60 });
    try {
      for (const bytes of ['POST / HTTP/1.1\r\nHost: x\r\n', post('{', '', 100), chunked('1\r\n{\r\n')]) {
        const connection = new RawConnection(api.address).send(bytes);
        expectError(await connection.answer(), 408);
        await connection.ended;
      }
    } finally {
      await api.stop();
    }
  });
});
