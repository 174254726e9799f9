import { expect } from 'chai';
import hostExpress from 'express';
import { once } from 'node:events';
import { createServer, type Server as NodeServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { httpServer, VivaceError, type Call, type HttpRoute, type HttpServer, type LogRecord } from 'vivace';
import { express } from 'vivace/adapters/express';
import { callContext, sendOverSocket, startPart } from 'vivace/testing';
import { RawConnection } from '../support/raw-socket.js';

type Part = Awaited<ReturnType<typeof startPart>>;

const failed: NonNullable<HttpRoute['failed']> = (error, { path }, { requestId }) => ({
  status: error.httpStatus,
  headers: { 'x-mine': requestId },
  body: `${path} ${error.code}`,
});
const denied = (): never => {
  throw new VivaceError('PERMISSION_DENIED', 'not you');
};
const ok: HttpRoute['handle'] = ({ body }) => ({ status: 200, headers: {}, body: String(body.length) });

const post = (headers: string, body = ''): string =>
  `POST /a HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n${body}`;

describe('Routes over express', () => {
  const parts: Part[] = [];
  const logs: LogRecord[] = [];
  let host: NodeServer | undefined;

  afterEach(async () => {
    for (const part of parts.splice(0)) await part.stop();
    host?.close();
    host?.closeAllConnections();
    host = undefined;
    logs.length = 0;
  });

  /** A server with one route, which takes every path but those under `/of/others`. */
  async function listening(
    route: HttpRoute,
    options: object = {},
  ): Promise<{ address: string; server: HttpServer }> {
    const part = await startPart(
      express,
      { port: 0, stopTimeoutMs: 50, ...options },
      { onLog: (record) => logs.push(record) },
    );
    parts.push(part);
    const server = part.face(httpServer);
    server.mount(({ path }) => (path.startsWith('/of/others') ? undefined : route));
    return { address: server.address() as string, server };
  }

  /** The same, mounted in an application of our own, whose sockets can be looked at. */
  async function mounted(
    route: HttpRoute,
  ): Promise<{ address: string; server: HttpServer; sockets: Socket[] }> {
    const router = hostExpress.Router();
    const part = await startPart(express, { router });
    parts.push(part);
    const server = part.face(httpServer);
    server.mount(({ path }) => (path.startsWith('/of/others') ? undefined : route));
    const app = hostExpress().use(router);
    app.use((_request, response) => void response.status(404).send('another'));
    const sockets: Socket[] = [];
    host = createServer(app).on('connection', (socket) => sockets.push(socket));
    await once(host.listen(0, '127.0.0.1'), 'listening');
    return { address: `http://127.0.0.1:${(host.address() as AddressInfo).port}`, server, sockets };
  }

  describe('admission', () => {
    for (const [way, admit] of [
      ['at once', denied],
      ['later', async () => Promise.resolve().then(denied)],
    ] as const) {
      it(`refuses ${way} a request of which only the headers have come`, async () => {
        const { address } = await listening({ admit, handle: ok, failed });
        const connection = new RawConnection(address).send(post('Content-Length: 100'));
        const answer = await connection.answer();
        expect([answer?.status, answer?.body]).to.deep.equal([403, '/a PERMISSION_DENIED']);
        connection.socket.destroy();
      });

      it(`refuses ${way} without leave to send the body, and closes`, async () => {
        const { address } = await listening({ admit, handle: ok });
        const connection = new RawConnection(address).send(
          post('Content-Length: 100\r\nExpect: 100-continue'),
        );
        const answers = await connection.rest();
        expect(answers.map(({ status }) => status)).to.deep.equal([403]);
      });

      it(`goes on with the connection after a refusal ${way}, the body read and dropped`, async () => {
        const route: HttpRoute = {
          admit: (head, call) => (head.headers['x-who'] === undefined ? admit() : call),
          handle: ok,
        };
        const { address } = await listening(route);
        const large = 'x'.repeat(300_000);
        const connection = new RawConnection(address).send(
          post(`Content-Length: ${large.length}`, large),
          post('Content-Length: 3\r\nX-Who: me', 'abc'),
        );
        expect((await connection.answer())?.status).to.equal(403);
        expect((await connection.answer())?.body).to.equal('3');
        connection.socket.destroy();
      });
    }

    it('gives leave to send the body once the call is admitted', async () => {
      const { address } = await listening({
        admit: async (_head, call) => Promise.resolve(call),
        handle: ok,
      });
      const connection = new RawConnection(address).send(post('Content-Length: 3\r\nExpect: 100-continue'));
      expect((await connection.answer())?.status).to.equal(100);
      expect((await connection.send('abc').answer())?.body).to.equal('3');
      connection.socket.destroy();
    });

    it('does not read the socket while it is pending', async () => {
      let entered: () => void = () => undefined;
      let admit: () => void = () => undefined;
      const inside = new Promise<void>((resolve) => (entered = resolve));
      const { address, sockets } = await mounted({
        bodyLimitBytes: 10_000_000,
        admit: (_head, call) =>
          new Promise<Call>((resolve) => {
            admit = () => resolve(call);
            entered();
          }),
        handle: ok,
      });
      const length = 8_000_000;
      const connection = new RawConnection(address).send(post(`Content-Length: ${length}`));
      await inside;
      const [socket] = sockets as [Socket];
      const before = socket.bytesRead;
      connection.send(Buffer.alloc(length));
      // Another connection of the same loop is served meanwhile, as often as it takes: bytes that were read would show.
      for (let other = 0; other < 20; other++)
        expect((await sendOverSocket(address, { path: '/of/others' })).status).to.equal(404);
      expect(socket.bytesRead).to.equal(before);
      admit();
      expect((await connection.answer())?.body).to.equal(String(length));
      connection.socket.destroy();
    });

    it('has no answer for a peer that has left meanwhile', async () => {
      let entered: () => void = () => undefined;
      let admit: () => void = () => undefined;
      const inside = new Promise<void>((resolve) => (entered = resolve));
      let handled = 0;
      let seen: Call | undefined;
      const { address, sockets } = await mounted({
        admit: (_head, call) =>
          new Promise<Call>((resolve) => {
            seen = call;
            admit = () => resolve(call);
            entered();
          }),
        handle: (...given) => (handled++, ok(...given)),
      });
      const connection = new RawConnection(address).send(post('Content-Length: 10'));
      await inside;
      const closed = new Promise((resolve) => sockets[0]!.once('close', resolve));
      connection.socket.resetAndDestroy();
      admit();
      await closed;
      expect([handled, seen?.signal.aborted]).to.deep.equal([0, true]);
    });
  });

  describe('formats of errors', () => {
    it('hold for a body that does not come in time', async () => {
      const { address } = await listening(
        { handle: ok, failed },
        { headersTimeoutMs: 60, requestTimeoutMs: 60 },
      );
      const answer = await new RawConnection(address).send(post('Content-Length: 10', 'abc')).answer();
      expect([answer?.status, answer?.body]).to.deep.equal([408, '/a INVALID_ARGUMENT']);
    });

    it('hold while the call is not admitted in time', async () => {
      const { address } = await listening(
        { admit: () => new Promise(() => undefined), handle: ok, failed },
        { headersTimeoutMs: 60, requestTimeoutMs: 60 },
      );
      const answer = await new RawConnection(address).send(post('Content-Length: 10', 'abc')).answer();
      expect([answer?.status, answer?.body]).to.deep.equal([408, '/a INVALID_ARGUMENT']);
    });

    it('hold for what is refused before the route is asked: no host, another expectation', async () => {
      const { address } = await listening({ handle: ok, failed });
      const noHost = await new RawConnection(address).send('GET /a HTTP/1.1\r\n\r\n').answer();
      expect([noHost?.status, noHost?.body]).to.deep.equal([400, '/a INVALID_ARGUMENT']);
      const miracle = await new RawConnection(address).send(post('Expect: a-miracle')).answer();
      expect([miracle?.status, miracle?.body]).to.deep.equal([417, '/a INVALID_ARGUMENT']);
    });

    it('hold while the server is stopping', async () => {
      const { address, server } = await mounted({ handle: ok, failed });
      await server.drain(callContext());
      const ours = await sendOverSocket(address, { path: '/a' });
      expect([ours.status, ours.text]).to.deep.equal([503, '/a UNAVAILABLE']);
      const other = await sendOverSocket(address, { path: '/of/others' });
      expect([other.status, other.text]).to.deep.equal([404, 'another']);
    });

    it('are the default where there is no route, and for what is no HTTP', async () => {
      const { address } = await listening({ handle: ok, failed });
      const nowhere = await sendOverSocket(address, { path: '/of/others/too' });
      const requestId = nowhere.headers['x-request-id'];
      expect(requestId).to.match(/^[0-9a-f-]{36}$/);
      expect([nowhere.status, JSON.parse(nowhere.text)]).to.deep.equal([
        404,
        { code: 'NOT_FOUND', message: 'nothing answers GET /of/others/too', requestId },
      ]);
      const garbage = await new RawConnection(address).send('\0\0\r\n\r\n').answer();
      expect(JSON.parse(garbage?.body ?? '')).to.include({ code: 'INVALID_ARGUMENT' });
    });

    it('are the default where an answer has a header that HTTP does not allow', async () => {
      const { address } = await listening({
        handle: denied,
        failed: () => ({ status: 403, headers: { 'x-bad': 'a\nb' }, body: '' }),
      });
      const answer = await sendOverSocket(address, { path: '/a' });
      const requestId = answer.headers['x-request-id'];
      expect(requestId).to.match(/^[0-9a-f-]{36}$/);
      expect([answer.status, JSON.parse(answer.text)]).to.deep.equal([
        500,
        { code: 'INTERNAL', message: 'internal error', requestId },
      ]);
      expect(logs.map(({ message }) => message)).to.deep.equal(['an answer could not be sent']);
    });

    it('that throw are logged, and errors of the server too, each once with the id of the request', async () => {
      const { address } = await listening({
        handle: () => Promise.reject(new Error('secret')),
        failed: () => {
          throw new TypeError('no such field');
        },
      });
      const answer = await sendOverSocket(address, { path: '/a', headers: { 'x-request-id': 'r1' } });
      expect([answer.status, answer.text.includes('secret')]).to.deep.equal([500, false]);
      expect(logs.map(({ message, fields }) => [message, fields])).to.deep.equal([
        ['a request failed', { requestId: 'r1' }],
        ['an error could not be formatted', { requestId: 'r1' }],
      ]);
    });
  });
});
