import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import hostExpress from 'express';
import { httpServer, transport, type HttpRoute } from 'vivace';
import { rest } from 'vivace/plugins/rest';
import { callContext, planes, startPart } from 'vivace/testing';
import { ask, ExpressHost } from '../support/express-host.js';
import { RawConnection } from '../support/raw-socket.js';

interface Answered {
  readonly status: number;
  readonly text: string;
}

const mebibyte = 1024 * 1024;
const list = (count: number, item: string): string => Array.from({ length: count }, () => item).join(',');
const errorOf = ({ text }: Answered): { message: string; path?: string } =>
  JSON.parse(text) as { message: string };

/** Everything happens in a thread that would die of a fraction of what these bodies once took. */
describe('Bodies of a few kilobytes that become large', () => {
  let thread: Worker;
  let died: Promise<never>;
  before(async function () {
    this.timeout(30_000);
    thread = new Worker(new URL('../fixtures/hostile-server.js', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 32 },
    });
    died = once(thread, 'error').then(([error]) => {
      throw error as Error;
    });
    died.catch(() => undefined);
    await Promise.race([once(thread, 'message'), died]);
  });
  after(() => thread.terminate());

  async function send(pipeline: string, text: string, times = 1): Promise<readonly Answered[]> {
    const body = gzipSync(text, { level: 9 });
    expect(body.length).to.be.below(50_000);
    thread.postMessage({ pipeline, body, times }, []);
    const [answer] = (await Promise.race([once(thread, 'message'), died])) as [{ answers: Answered[] }];
    return answer.answers;
  }

  const routes = (origin: string, count: number): string =>
    JSON.stringify({
      request: { origin },
      objects: { destination: Array.from({ length: count }, (_, i) => `d${i}`) },
    });

  it('are refused where an origin of 17,000 characters would be part of 2,000 keys', async () => {
    const [answer] = await send('rank', routes('o'.repeat(17_000), 2000));
    expect(answer!.status).to.equal(400);
    expect(errorOf(answer!)).to.include({
      path: 'request.origin',
      message: 'request.origin: 17000 UTF-16 units, but a text has at most 1024',
    });
  });

  it('are answered where the field allows such an origin', async () => {
    const [answer] = await send('long', routes('o'.repeat(17_000), 2000));
    expect(answer!.status, answer!.text.slice(0, 200)).to.equal(200);
    const { objects } = JSON.parse(answer!.text) as { objects: { v: number[]; w: number[] } };
    expect([new Set(objects.v), new Set(objects.w)]).to.deep.equal([new Set([17_000]), new Set([17_000])]);
  });

  it('are answered where many destinations have the length of an origin', async () => {
    const objects = Array.from({ length: 400 }, (_, i) => `${'d'.repeat(17_000)}${1000 + i}`);
    const body = JSON.stringify({ request: { origin: 'ORD' }, objects: { destination: objects } });
    expect((await send('long', body))[0]!.status).to.equal(200);
  });

  it('are refused where 39 MB of empty objects would come out', async () => {
    const answers = await send('rank', `{"request":{},"objects":[${list(13_000_000, '{}')}]}`, 20);
    expect(answers.map(({ status }) => status)).to.deep.equal(Array.from({ length: 20 }, () => 413));
    expect(errorOf(answers[0]!).message).to.match(/^the decompressed body exceeds \d+ bytes$/);
  });

  it('have their objects counted before they are made', async () => {
    const count = 2_700_000;
    const answers = await send('rank', `{"request":{"origin":"a"},"objects":[${list(count, '{}')}]}`, 5);
    for (const answer of answers) {
      expect(answer.status).to.equal(400);
      expect(errorOf(answer)).to.include({
        path: 'objects',
        message: 'objects: more than 2000 objects, which is the most that a request may have',
      });
    }
  });

  it('have the values of a column counted', async () => {
    const [answer] = await send(
      'rank',
      `{"request":{},"objects":{"destination":[${list(2_500_000, '""')}]}}`,
    );
    expect(errorOf(answer!).message).to.equal(
      'objects: more than 2000 objects, which is the most that a request may have',
    );
  });

  it('have the lists and objects counted that stand where none is', async () => {
    const nested = `[${list(2_000_000, '[]')}]`;
    for (const [pipeline, body] of [
      ['rank', `{"request":{"origin":${nested}},"objects":[]}`],
      ['rank', `{"request":${nested},"objects":[]}`],
      ['rank', `{"obj\\u0065cts":${nested}}`],
      ['lists', `{"request":{"l":${nested}}}`],
    ] as const) {
      const [answer] = await send(pipeline, body);
      expect(answer!.status, body.slice(0, 40)).to.equal(400);
      expect(errorOf(answer!).message).to.match(/^the body has more than \d+ (?:values|lists and objects)/);
    }
  });

  it('are refused where their JSON has no end', async () => {
    const [answer] = await send('rank', `{"request":{},"objects":[${list(2_700_000, '{}')}`);
    expect(errorOf(answer!).message).to.match(/^objects: more than 2000 objects/);
  });
});

describe('Bodies that a server holds', () => {
  const host = new ExpressHost();
  after(() => host.remove());
  afterEach(() => host.clear());
  const maxBufferedBytes = 10_000;
  const body = new Uint8Array(6_000);

  /** A route that waits in its handler until it is told to go on, with its body or without. */
  function waiting(releases: boolean): {
    route: HttpRoute;
    entered: () => Promise<unknown>;
    goOn: () => void;
  } {
    const waits: (() => void)[] = [];
    let arrived: () => void = () => undefined;
    const route: HttpRoute = {
      async handle(request) {
        const { length } = request.body;
        if (releases) request.release?.();
        await new Promise<void>((resolve) => {
          waits.push(resolve);
          arrived();
        });
        return { status: 200, headers: {}, body: `${length} ${request.body.length}` };
      },
    };
    return {
      route,
      entered: () => new Promise<void>((resolve) => (arrived = resolve)),
      goOn: () => waits.splice(0).forEach((resume) => resume()),
    };
  }

  for (const [way, serve] of Object.entries(host.ways)) {
    describe(way, () => {
      it('are refused with 503 and Retry-After once there is no room, and taken again afterwards', async () => {
        const { route, entered, goOn } = waiting(false);
        const address = await serve([], route, { maxBufferedBytes });
        const inside = entered();
        const first = ask(address, { body });
        await inside;
        const second = await ask(address, { body });
        expect([second.status, second.headers['retry-after']]).to.deep.equal([503, '1']);
        expect(second.text).to.contain('RESOURCE_EXHAUSTED');
        goOn();
        expect((await first).text).to.equal('6000 6000');
        const again = entered();
        const third = ask(address, { body });
        await again;
        goOn();
        expect((await third).status).to.equal(200);
      });

      it('count until the route has released them', async () => {
        const { route, entered, goOn } = waiting(true);
        const address = await serve([], route, { maxBufferedBytes });
        const firstInside = entered();
        const first = ask(address, { body });
        await firstInside;
        const secondInside = entered();
        const second = ask(address, { body });
        await secondInside;
        goOn();
        expect([(await first).text, (await second).text]).to.deep.equal(['6000 0', '6000 0']);
      });

      it('count by the length that their senders announce where a middleware has parsed them', async () => {
        const { route, entered, goOn } = waiting(false);
        const address = await serve([hostExpress.json()], route, { maxBufferedBytes });
        const json = {
          headers: { 'content-type': 'application/json' },
          body: Buffer.from(JSON.stringify('a'.repeat(6_000)).replace(/^.*$/, '[$&]')),
        };
        const inside = entered();
        const first = ask(address, json);
        await inside;
        expect((await ask(address, json)).status).to.equal(503);
        goOn();
        expect((await first).status).to.equal(200);
      });

      it('count as sent and as inflated', async () => {
        const { route } = waiting(true);
        const address = await serve([], route, { maxBufferedBytes });
        const headers = { 'content-encoding': 'gzip' };
        const large = await ask(address, { headers, body: gzipSync(new Uint8Array(20_000)) });
        expect([large.status, large.text.includes('RESOURCE_EXHAUSTED')]).to.deep.equal([503, true]);
      });
    });
  }

  it('count what has come, not what a sender announces, and give it back where the sender goes away', async () => {
    const { route, entered, goOn } = waiting(false);
    const address = await host.alone([], route, { maxBufferedBytes });
    const heads = Array.from({ length: 3 }, () =>
      new RawConnection(address).send('POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 8000\r\n\r\n'),
    );
    const inside = entered();
    const first = ask(address, { body });
    await inside;
    goOn();
    expect((await first).status).to.equal(200);
    // Each sends most of its body, and leaves.
    for (const head of heads) {
      head.send(new Uint8Array(7_000));
      head.socket.end();
      await head.ended;
    }
    const again = entered();
    const last = ask(address, { body });
    await again;
    goOn();
    expect((await last).status).to.equal(200);
  });

  it('are given back where the sender goes away while they are inflated', async () => {
    const route: HttpRoute = { handle: () => ({ status: 200, headers: {}, body: '' }) };
    const address = await host.alone([], route, { maxBufferedBytes: 8_000_000 });
    const zipped = gzipSync(new Uint8Array(7_000_000));
    for (let i = 0; i < 5; i++) {
      const { socket } = new RawConnection(address).send(
        `POST /a HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: ${zipped.length}\r\n\r\n`,
      );
      await new Promise<void>((resolve) => {
        socket.write(zipped, () => resolve());
      });
      socket.resetAndDestroy();
    }
    const tries = async (): Promise<number> =>
      (await ask(address, { body: new Uint8Array(7_000_000) })).status;
    // Those that have not been noticed yet may take the room of the first ones.
    let status = await tries();
    for (let i = 0; i < 50 && status === 503; i++) status = await tries();
    expect(status).to.equal(200);
  });

  it('are not counted where a middleware has read them and the sender went away meanwhile', async () => {
    let arrived: () => void = () => undefined;
    const route: HttpRoute = {
      async admit({ headers }, call) {
        const { signal } = call;
        arrived();
        if (headers['x-stays'] === undefined && !signal.aborted)
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        return call;
      },
      handle: () => ({ status: 200, headers: {}, body: '' }),
    };
    const raw = hostExpress.raw({ limit: '1mb', type: '*/*' });
    const address = await host.alone([raw], route, { maxBufferedBytes });
    for (let i = 0; i < 2; i++) {
      const inside = new Promise<void>((resolve) => (arrived = resolve));
      const connection = new RawConnection(address).send(
        `POST /a HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\nContent-Length: ${body.length}\r\n\r\n`,
      );
      connection.send(body);
      await inside;
      connection.socket.destroy();
    }
    const last = await ask(address, { headers: { 'x-stays': '1', 'content-type': 'a/b' }, body });
    expect(last.status).to.equal(200);
  });

  it('obey the limits where a middleware of the application has read them', async () => {
    for (const [middleware, type, sent, status] of [
      [hostExpress.raw({ limit: '1mb', type: '*/*' }), 'text/plain', 'x'.repeat(3_000), 413],
      [hostExpress.text({ limit: '1mb', type: '*/*' }), 'text/plain', 'x'.repeat(3_000), 413],
      [hostExpress.raw({ limit: '1mb', type: '*/*' }), 'text/plain', 'x'.repeat(2_000), 200],
    ] as const) {
      const route: HttpRoute = {
        handle: () => ({ status: 200, headers: {}, body: '' }),
        bodyLimitBytes: 2_500,
      };
      const address = await host.alone([middleware], route);
      const answer = await ask(address, { headers: { 'content-type': type }, body: Buffer.from(sent) });
      expect(answer.status, `${type} ${sent.length}`).to.equal(status);
    }
  });

  it('have their values counted where a middleware of the application has parsed them', async () => {
    const web = await host.start({ port: 0, middleware: [hostExpress.json({ limit: 8 * mebibyte })] });
    const api = host.keep(await startPart(rest, {}, { uses: { server: web.face(httpServer) } }));
    await api.face(transport).serve(planes(), callContext());
    const answer = await ask(web.face(httpServer).address()!, {
      path: '/v1/pipelines/echo/predict',
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(`{"request":{"numbers":[${list(300_000, '1')}]}}`),
    });
    expect([answer.status, answer.text.includes('the body has more than')]).to.deep.equal([400, true]);
  });
});
