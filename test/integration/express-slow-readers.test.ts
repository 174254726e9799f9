import { expect } from 'chai';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { httpServer, type HttpRoute } from 'vivace';
import { express } from 'vivace/adapters/express';
import { startPart, type TestPart } from 'vivace/testing';
import { inMemory, type InMemoryTelemetry } from '../support/in-memory-telemetry.js';
import { RawConnection } from '../support/raw-socket.js';

const get = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n';
/** More than the buffers of both ends of a connection hold. */
const large = new Uint8Array(32 * 2 ** 20);

describe('Peers that do not read', () => {
  let telemetry: InMemoryTelemetry;
  let telemetryPart: TestPart;
  let part: TestPart | undefined;
  let address: string;
  const seen = { handled: 0 };
  const sockets: Socket[] = [];
  beforeEach(async () => {
    seen.handled = 0;
    telemetry = inMemory();
    telemetryPart = await startPart(telemetry.part);
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await part?.stop();
    await telemetryPart.stop();
  });

  const serve = async (options: object, body: Uint8Array | string): Promise<void> => {
    part = await startPart(express, { port: 0, stopTimeoutMs: 100, ...options });
    const server = part.face(httpServer);
    const handle: HttpRoute['handle'] = ({ path }) => {
      if (path === '/small') return { status: 200, headers: {}, body: 'small' };
      seen.handled++;
      return { status: 200, headers: {}, body };
    };
    server.mount(() => ({ handle }));
    address = server.address()!;
  };
  /** A connection that reads nothing, once the server has answered its request. */
  const silent = async (): Promise<{ readonly socket: Socket; readonly closed: Promise<unknown> }> => {
    const { hostname, port } = new URL(address);
    const socket = connect(Number(port), hostname);
    sockets.push(socket);
    // A paused socket never learns that its peer has gone: what it sends fails.
    const closed = once(socket, 'close').catch(() => undefined);
    socket.on('error', () => undefined).pause();
    const before = seen.handled;
    socket.write(get);
    while (seen.handled === before) await new Promise(setImmediate);
    return { socket, closed };
  };
  /** What another connection is answered meanwhile. */
  const small = async (): Promise<string | undefined> => {
    const connection = new RawConnection(address).send('GET /small HTTP/1.1\r\nHost: x\r\n\r\n');
    const answer = await connection.answer();
    connection.socket.destroy();
    return answer?.body;
  };
  const cut = async (): Promise<unknown[]> =>
    (await telemetry.collected())
      .filter(({ name }) => name === 'vivace.answers.cut')
      .map(({ value, attributes }) => [attributes['vivace.reason'], value]);
  const untilCut = async (): Promise<unknown[]> => {
    for (;;) {
      const found = await cut();
      if (found.length > 0) return found;
      await new Promise(setImmediate);
    }
  };

  it('have writeTimeoutMs for an answer, and are then cut', async () => {
    await serve({ writeTimeoutMs: 50 }, large);
    const { socket, closed } = await silent();
    expect(await untilCut()).to.deep.equal([['time', 1]]);
    socket.resume();
    await closed;
    expect(socket.bytesRead).to.be.below(large.length);
  });

  it('are cut, those that wait longest first, where their answers together exceed maxBufferedBytes', async () => {
    await serve({ maxBufferedBytes: 2.5 * large.length }, large);
    const first = await silent();
    const others = [await silent(), await silent()];
    expect(await untilCut()).to.deep.equal([['bytes', 1]]);
    first.socket.resume();
    await first.closed;
    expect(first.socket.bytesRead).to.be.below(large.length);
    // Those that are left get all of theirs.
    for (const { socket } of others) {
      socket.resume();
      while (socket.bytesRead < large.length) await once(socket, 'data');
    }
    expect(await cut()).to.deep.equal([['bytes', 1]]);
  });

  it('are no reason to cut an answer that its peer takes', async () => {
    await serve({ maxBufferedBytes: 1 }, 'small');
    for (let i = 0; i < 3; i++) expect(await small()).to.equal('small');
    expect(await cut()).to.deep.equal([]);
  });

  it('get no further requests answered while an answer waits for them, and all once they read', async () => {
    const requests = 2000;
    const body = 'x'.repeat(50_000);
    await serve({}, body);
    const { hostname, port } = new URL(address);
    const socket = connect(Number(port), hostname);
    sockets.push(socket);
    socket.pause();
    socket.write(get.repeat(requests));
    while (seen.handled === 0) await new Promise(setImmediate);
    // Others are answered meanwhile, until the buffers of the system take no more of the first peer's answers.
    for (let before = -1; before !== seen.handled;) {
      before = seen.handled;
      for (let i = 0; i < 10; i++) await small();
    }
    expect(seen.handled).to.be.below(requests / 2);
    let received = 0;
    socket.on('data', (chunk: Buffer) => (received += chunk.length)).resume();
    while (seen.handled < requests) await once(socket, 'data');
    while (received < requests * body.length) await once(socket, 'data');
  });

  it('hold up nobody’s answers on other connections', async () => {
    await serve({}, large);
    await silent();
    await silent();
    expect(await small()).to.equal('small');
  });

  it('that pipeline requests and leave get the rest of them neither answered nor kept', async () => {
    await serve({}, large);
    const { socket } = await silent();
    socket.write(get.repeat(500));
    socket.resetAndDestroy();
    await once(socket, 'close');
    for (let i = 0; i < 5; i++) await small();
    expect(seen.handled).to.equal(1);
  });
});
