import { networkInterfaces } from 'node:os';
import { expect } from 'chai';
import hostExpress from 'express';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { httpServer, type Definition, type HttpRoute, type HttpServer } from 'vivace';
import { express } from 'vivace/adapters/express';
import { callContext, makePart, sendOverSocket, startPart } from 'vivace/testing';
import { RawConnection } from '../support/raw-socket.js';
import { restOverExpress } from '../support/rest-over-express.js';
import { pendingBecause } from '../support/pending.js';

const predict = '/v1/pipelines/echo/predict';
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

async function codeOf(work: Promise<unknown>): Promise<[code: string, message: string]> {
  const error = await work.then(
    () => new Error('nothing failed'),
    (reason: unknown) => reason as Error & { code: string },
  );
  return [(error as { code?: string }).code ?? '', error.message];
}

describe('express', () => {
  it('logs an error of the listening server and goes on', async () => {
    const logs: string[] = [];
    const part = await startPart(express, { port: 0 }, { onLog: ({ message }) => logs.push(message) });
    const address = part.face(httpServer).address() as string;
    let server: EventEmitter | undefined;
    const found = (message: unknown): void => {
      server = (message as { server: EventEmitter }).server;
    };
    subscribe('http.server.request.start', found);
    const ask = async (): Promise<number> => (await sendOverSocket(address, { path: '/' })).status;
    await ask();
    unsubscribe('http.server.request.start', found);
    server!.emit('error', new Error('accept EMFILE'));
    server!.emit('error', new Error('accept EMFILE'));
    expect(await ask()).to.equal(503);
    await part.stop();
    expect(logs).to.deep.equal(['the HTTP server had an error', 'the HTTP server had an error']);
  });

  it('says which port is taken and what to do', async () => {
    const first = await startPart(express, { port: 0 });
    const port = Number(new URL(first.face(httpServer).address() as string).port);
    const [code, message] = await codeOf(startPart(express, { port }));
    await first.stop();
    expect(code).to.equal('FAILED_PRECONDITION');
    expect(message).to.contain(`port ${port} on 127.0.0.1 is in use`);
  });

  it('says when the host is not an address of this machine', async () => {
    const [code, message] = await codeOf(startPart(express, { port: 0, host: '203.0.113.7' }));
    expect(code).to.equal('FAILED_PRECONDITION');
    expect(message).to.contain('203.0.113.7 is not an address of this machine');
  });

  it('stops after a start that failed', async () => {
    const part = makePart(express, { port: 0, host: '203.0.113.7' });
    await codeOf(part.start(callContext()));
    await part.stop();
  });

  it('refuses an application and a router at once', () => {
    expect(() => makePart(express, { app: hostExpress(), router: hostExpress.Router() })).to.throw(
      /not both/,
    );
  });

  it('refuses what is no application', () => {
    const untyped: Definition = express;
    expect(() => makePart(untyped, { app: {} })).to.throw(/an express application/);
  });

  it('writes an IPv6 address in brackets', async function () {
    const addresses = Object.values(networkInterfaces()).flat();
    // A machine without IPv6 has no such address to listen on.
    if (!addresses.some((known) => known?.address === '::1'))
      pendingBecause(this, 'this machine has no IPv6');
    const part = await startPart(express, { port: 0, host: '::1' });
    const address = part.face(httpServer).address() as string;
    await part.stop();
    expect(address).to.match(/^http:\/\/\[::1\]:\d+$/);
  });

  it('gives an application behind it every other request, body unread', async () => {
    const app = hostExpress().use(hostExpress.json());
    app.post(
      '/own',
      (request, response) => void response.send({ got: request.body as unknown, by: request.get('host') }),
    );
    const api = await restOverExpress({ app });
    try {
      const body = Buffer.from('{"a":1}');
      const headers = { 'content-type': 'application/json', host: 'x', expect: '100-continue' };
      const own = await sendOverSocket(api.address, { path: '/own', body, headers });
      expect(own.text).to.equal('{"got":{"a":1},"by":"x"}');
      const ours = Buffer.from('{"request":{}}');
      expect((await sendOverSocket(api.address, { path: predict, body: ours })).status).to.equal(200);
    } finally {
      await api.stop();
    }
  });

  it('closes connections above maxConnections', async () => {
    const api = await restOverExpress({ maxConnections: 1 });
    try {
      const first = new RawConnection(api.address).send(get('/v1/pipelines'));
      expect((await first.answer())?.status).to.equal(200);
      const second = new RawConnection(api.address).send(get('/v1/pipelines'));
      expect(await second.answer()).to.equal(undefined);
      first.socket.destroy();
    } finally {
      await api.stop();
    }
  });

  it('tells the peer that the handler sees when its connection goes', async () => {
    const part = await startPart(express, { port: 0 });
    const server: HttpServer = part.face(httpServer);
    const { hostname, port } = new URL(server.address() as string);
    const socket = connect(Number(port), hostname);
    const aborted = new Promise<boolean>((resolve) => {
      const handle: HttpRoute['handle'] = ({ peer }, call) => {
        expect(peer).to.equal('127.0.0.1');
        socket.resetAndDestroy();
        // The signal is first asked for after the peer has gone.
        return new Promise((answer) => {
          setTimeout(() => {
            resolve(call.signal.aborted);
            answer({ status: 200, headers: {}, body: '' });
          }, 20);
        });
      };
      server.mount(() => ({ handle }));
    });
    socket.write(get('/'));
    expect(await aborted).to.equal(true);
    await part.stop();
  });
});

describe('express, draining', () => {
  it('lets an idle connection send what was on its way, and then closes it', async () => {
    const api = await restOverExpress({ drainIdleMs: 60 });
    const [busy, idle] = [new RawConnection(api.address), new RawConnection(api.address)];
    for (const connection of [busy, idle]) {
      expect((await connection.send(get('/v1/pipelines')).answer())?.headers.connection).to.equal(
        'keep-alive',
      );
    }
    const drained = api.drain();
    const last = await busy.send(get('/v1/pipelines')).answer();
    expect([last?.status, last?.headers.connection]).to.deep.equal([200, 'close']);
    await Promise.all([busy.ended, idle.ended, drained]);
    await api.stop();
  });

  it('ends as soon as the last connection has gone', async () => {
    const api = await restOverExpress({ drainIdleMs: 600_000 });
    const connection = new RawConnection(api.address).send(get('/v1/pipelines'));
    await connection.answer();
    const drained = api.drain();
    connection.socket.destroy();
    await drained;
    await api.stop();
  });

  it('fails no request under load, other than refused connections', async () => {
    const api = await restOverExpress();
    const outcomes: Record<string, number> = {};
    let answered = 0;
    let enough: () => void = () => undefined;
    const warm = new Promise<void>((resolve) => (enough = resolve));
    const client = async (agent: Agent): Promise<void> => {
      for (;;) {
        const outcome = await keptAlive(`${api.address}${predict}`, agent);
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        if (++answered === 200) enough();
        if (outcome === 'ECONNREFUSED') return;
      }
    };
    const clients = Array.from({ length: 8 }, () => client(new Agent({ keepAlive: true, maxSockets: 1 })));
    await warm;
    await api.drain();
    await api.stop();
    await Promise.all(clients);
    expect(Object.keys(outcomes)).to.have.members(['200', 'ECONNREFUSED']);
  });

  it('cuts a request that does not end, after stopTimeoutMs', async () => {
    const api = await restOverExpress(
      { stopTimeoutMs: 20, drainIdleMs: 0 },
      { pipelines: { predict: () => new Promise(() => undefined) } },
    );
    const connection = new RawConnection(api.address).send(
      `POST ${predict} HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\n{"request":{}}`,
    );
    await new Promise((resolve) => connection.socket.once('connect', resolve));
    await api.stop();
    expect(await connection.answer()).to.equal(undefined);
  });
});

/** Sends a request over an agent that keeps its connection; the status, or the code of what went wrong. */
function keptAlive(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve) => {
    const sent = httpRequest(url, { agent, method: 'POST' }, (response) => {
      response.resume().on('end', () => resolve(String(response.statusCode)));
      response.on('error', () => resolve('cut'));
    });
    sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    sent.end('{"request":{}}');
  });
}
