import { once } from 'node:events';
import {
  connect,
  constants,
  createServer,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type Http2Server,
  type Http2ServerRequest,
} from 'node:http2';
import { createConnection, type AddressInfo, type Socket } from 'node:net';
import { expect } from 'chai';
import hostExpress from 'express';
import { httpServer, type Admission, type HttpRoute, type VivaceError } from 'vivace';
import { ExpressHost, tell } from '../support/express-host.js';

interface Answered {
  readonly status: number | undefined;
  readonly text: string;
}

describe('express, mounted in a server of HTTP/2', () => {
  const host = new ExpressHost();
  let server: Http2Server;
  let session: ClientHttp2Session;
  let socket: Socket;
  let inFlight = 0;
  const admission: Admission = {
    enter: () => void inFlight++,
    turn: () => undefined,
    leave: () => void inFlight--,
  };
  after(() => host.remove());
  afterEach(async () => {
    session.destroy();
    server.close();
    await host.clear();
  });

  async function serve(route: HttpRoute): Promise<void> {
    const router = hostExpress.Router();
    const limits = { maxBufferedBytes: 10_000, bodyLimitBytes: 9_000 };
    const part = await host.start({ router, ...limits }, { admission });
    part.face(httpServer).mount(({ path }) => (path === '/a' ? route : undefined));
    const handle = router as unknown as (
      ...of: [request: object, response: object, next: () => void]
    ) => void;
    server = createServer((request, response) =>
      handle(request, response, () => response.writeHead(404).end('own')),
    );
    await once(server.listen(0, '127.0.0.1'), 'listening');
    begin();
  }

  function begin(): void {
    const { port } = server.address() as AddressInfo;
    socket = createConnection(port, '127.0.0.1');
    session = connect('http://host', { createConnection: () => socket });
    session.on('error', () => undefined);
  }

  const open = (headers: object): ClientHttp2Stream =>
    session.request({ ':method': 'POST', ':path': '/a', ...headers });

  async function ask(size: number, headers: object): Promise<Answered> {
    const stream = open(headers);
    let status: number | undefined;
    let text = '';
    stream.on('response', (head) => (status = head[':status']));
    stream.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    stream.end(new Uint8Array(size));
    await once(stream, 'close');
    return { status, text };
  }

  /** Sends a part of a body, leaves once `isTime` has resolved, and waits until the server has noticed. */
  async function leave(
    { headers, away }: { headers: object; away: (stream: ClientHttp2Stream) => void },
    isTime: (request: Http2ServerRequest) => Promise<unknown>,
  ): Promise<void> {
    const closed = once(server, 'request').then(async (given) => {
      const request = given[0] as Http2ServerRequest;
      const noticed = once(request.stream, 'close');
      await isTime(request);
      away(stream);
      await noticed;
    });
    const stream = open(headers);
    stream.on('error', () => undefined);
    stream.write(new Uint8Array(7_000));
    await closed;
    // What waits for the body goes on in callbacks of its own.
    await new Promise((resolve) => setImmediate(resolve));
    if (session.destroyed || socket.destroyed) begin();
  }

  const length = (bytes: number): object => ({ 'content-length': bytes });

  for (const [what, announced] of [
    ['announced', length],
    ['not announced', () => ({})],
  ] as const) {
    it(`takes a body whose length is ${what}`, async () => {
      await serve({ handle: tell });
      expect(await ask(8_000, announced(8_000))).to.deep.equal({ status: 200, text: 'nobody 8000' });
    });

    it(`refuses a large body whose length is ${what}`, async () => {
      await serve({ handle: tell });
      expect((await ask(9_001, announced(9_001))).status).to.equal(413);
    });
  }

  for (const [what, way] of [
    // Without a length, what has come of it would be a whole body: node ends a stream before it resets it.
    [
      'resets its stream in the middle of a body',
      { headers: length(8_000), away: (stream) => stream.close(constants.NGHTTP2_CANCEL) },
    ],
    ['cuts the connection in the middle of a body', { headers: length(8_000), away: () => socket.destroy() }],
    [
      'cuts the connection in the middle of a body without a length',
      { headers: {}, away: () => socket.destroy() },
    ],
  ] as [string, Parameters<typeof leave>[0]][]) {
    describe(`a sender that ${what}`, () => {
      it('has nothing of it handled, and what was held is given back', async () => {
        let handled = 0;
        await serve({ handle: (request, call) => (handled++, tell(request, call)) });
        for (let i = 0; i < 3; i++) await leave(way, (request) => once(request, 'data'));
        expect([handled, inFlight]).to.deep.equal([0, 0]);
        expect((await ask(8_000, length(8_000))).status).to.equal(200);
        expect(host.logs).to.deep.equal([]);
      });

      it('has it given up before it is read', async () => {
        let handled = 0;
        let goOn: () => void = () => undefined;
        const admitted = new Promise<void>((resolve) => (goOn = resolve));
        await serve({
          admit: (_head, call) => admitted.then(() => call),
          handle: (request, call) => (handled++, tell(request, call)),
        });
        await leave(way, () => Promise.resolve());
        goOn();
        await new Promise((resolve) => setImmediate(resolve));
        expect([handled, inFlight, host.logs]).to.deep.equal([0, 0, []]);
      });
    });
  }

  it('tells the handler that its peer has left', async () => {
    let left: unknown;
    await serve({
      handle: (_request, { signal }) =>
        new Promise((_, reject) =>
          signal.addEventListener('abort', () => {
            left = signal.reason;
            reject(signal.reason as Error);
          }),
        ),
    });
    const stream = open({});
    stream.end();
    const [request] = (await once(server, 'request')) as [Http2ServerRequest];
    const closed = once(request.stream, 'close');
    stream.close(constants.NGHTTP2_CANCEL);
    await closed;
    await new Promise((resolve) => setImmediate(resolve));
    expect([(left as VivaceError | undefined)?.code, inFlight]).to.deep.equal(['CANCELLED', 0]);
  });
});
