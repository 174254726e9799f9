import { expect } from 'chai';
import hostExpress from 'express';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync, inflateSync } from 'node:zlib';
import { httpServer, VivaceError, type HttpServer } from 'vivace';
import { express } from 'vivace/adapters/express';
import { sendOverSocket, startPart, type SentResponse } from 'vivace/testing';

const long = 'long '.repeat(1_000);
/** Bytes that no coding makes smaller. */
const noise = Uint8Array.from({ length: 2_000 }, (_, i) => (i * i * 2_654_435_761) >>> 24);

function mountAnswers(server: HttpServer): void {
  server.mount(({ path }) => {
    const [, what] = path.split('/');
    const headers = {
      'content-type': 'text/plain',
      ...(what === 'own' ? { 'content-encoding': 'x-own' } : {}),
    };
    return {
      handle: () => {
        if (what === 'fails') throw new VivaceError('INVALID_ARGUMENT', long);
        const body =
          what === 'short' ? 'short' : what === 'noise' ? noise : what === 'bytes' ? Buffer.from(long) : long;
        return { status: 200, headers: what === 'varies' ? { ...headers, vary: 'origin' } : headers, body };
      },
    };
  });
}

describe('answers of express', () => {
  let address: string;
  let stop: () => Promise<void>;
  before(async () => {
    const web = await startPart(express, { port: 0, drainIdleMs: 0 });
    mountAnswers(web.face(httpServer));
    address = web.face(httpServer).address()!;
    stop = () => web.stop();
  });
  after(() => stop());

  const ask = (path: string, accept?: string, method = 'GET'): Promise<SentResponse> =>
    sendOverSocket(address, {
      path,
      method,
      headers: accept === undefined ? {} : { 'accept-encoding': accept },
    });

  for (const [accept, encoding] of [
    ['gzip', 'gzip'],
    ['deflate', 'deflate'],
    ['gzip, deflate, br', 'gzip'],
    ['deflate;q=1.0, gzip;q=0.5', 'deflate'],
    ['GZIP', 'gzip'],
    ['x-gzip', 'gzip'],
    ['*', 'gzip'],
    ['gzip;q=0, *', 'deflate'],
    ['gzip;q=0', undefined],
    ['br', undefined],
    ['identity', undefined],
    ['', undefined],
    ['gzip;q=x', undefined],
    [undefined, undefined],
  ] as const) {
    it(`are ${encoding ?? 'plain'} for ${accept === undefined ? 'no Accept-Encoding' : JSON.stringify(accept)}`, async () => {
      for (const path of ['/long', '/bytes']) {
        const { headers, bytes } = await ask(path, accept);
        expect(headers['content-encoding']).to.equal(encoding);
        expect(headers['vary']).to.equal('accept-encoding');
        expect(headers['content-length']).to.equal(String(bytes.length));
        const plain =
          encoding === 'gzip' ? gunzipSync(bytes) : encoding === 'deflate' ? inflateSync(bytes) : bytes;
        expect(Buffer.from(plain).toString()).to.equal(long);
      }
    });
  }

  it('are plain where they are small, where it would not help, and where they have a coding of their own', async () => {
    expect((await ask('/short', 'gzip')).headers).not.to.have.any.keys('content-encoding', 'vary');
    const dense = await ask('/noise', 'gzip');
    expect(dense.headers).not.to.have.property('content-encoding');
    expect(Buffer.from(dense.bytes).equals(noise)).to.equal(true);
    expect((await ask('/own', 'gzip')).headers['content-encoding']).to.equal('x-own');
  });

  it('keep what they vary by', async () => {
    expect((await ask('/varies', 'gzip')).headers['vary']).to.equal('origin, accept-encoding');
  });

  it('are plain for HEAD, and for errors', async () => {
    expect((await ask('/long', 'gzip', 'HEAD')).headers).to.include({
      'content-length': String(long.length),
    });
    expect((await ask('/fails', 'gzip')).headers).not.to.have.property('content-encoding');
  });

  it('are compressed from a size of your choice, or never', async () => {
    for (const [compressFromBytes, encoding] of [
      [5, 'gzip'],
      [6, undefined],
      [0, undefined],
    ] as const) {
      const web = await startPart(express, { port: 0, drainIdleMs: 0, compressFromBytes });
      const server = web.face(httpServer);
      // Five bytes do not become fewer, so it is asked whether it was tried.
      mountAnswers(server);
      const short = await sendOverSocket(server.address()!, {
        path: '/short',
        headers: { 'accept-encoding': 'gzip' },
      });
      expect(short.headers['vary'], String(compressFromBytes)).to.equal(encoding && 'accept-encoding');
      await web.stop();
    }
  });

  it("are left to the application's own middleware where Vivace is mounted in it", async () => {
    const router = hostExpress.Router();
    const web = await startPart(express, { router });
    mountAnswers(web.face(httpServer));
    const listening = createServer(hostExpress().use(router)).listen(0, '127.0.0.1');
    await new Promise((resolve) => listening.once('listening', resolve));
    const own = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
    const answer = await sendOverSocket(own, { path: '/long', headers: { 'accept-encoding': 'gzip' } });
    listening.close();
    await web.stop();
    expect(answer.headers).not.to.have.property('content-encoding');
    expect(answer.text).to.equal(long);
  });
});
