import { metrics } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { expect } from 'chai';
import hostExpress, { type ErrorRequestHandler, type RequestHandler } from 'express';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server as NodeServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { httpServer, transport, VivaceError, type Call, type HttpRoute, type LogRecord } from 'vivace';
import { express, type ExpressApplication } from 'vivace/adapters/express';
import { operations } from 'vivace/plugins/operations';
import { rest } from 'vivace/plugins/rest';
import { callContext, echoed, planes, sendOverSocket, startPart, type SentRequest } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { RawConnection } from '../support/raw-socket.js';
import { withEnvironment } from '../support/with-environment.js';
import { blocksOf, readText } from '../support/repository.js';

type Part = Awaited<ReturnType<typeof startPart>>;
type Middleware = RequestHandler | string;

const failed: NonNullable<HttpRoute['failed']> = (error, { path }) => ({
  status: error.httpStatus,
  headers: { 'x-format': 'mine' },
  body: `${path} ${error.code}: ${error.code === 'INTERNAL' ? 'hidden' : error.message}`,
});
/** Answers with who called and with what. */
const tell: HttpRoute['handle'] = ({ body, parsedBody }, { caller }) => ({
  status: 200,
  headers: {},
  body: `${caller?.id ?? 'nobody'} ${parsedBody === undefined ? body.length : JSON.stringify(parsedBody)}`,
});
const named: RequestHandler = (request, _response, next) => {
  Object.assign(request, { vivace: { caller: { id: request.get('x-who') } } });
  next();
};
const httpError = (status: number, message: string, more: object = {}): Error =>
  Object.assign(new Error(message), { status, ...more });
const post = (headers: string, body = ''): string =>
  `POST /a HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n${body}`;

describe('Express middleware', () => {
  const parts: Part[] = [];
  const logs: LogRecord[] = [];
  const hosts: NodeServer[] = [];
  let directory: string;

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-'));
  });
  after(() => rmSync(directory, { recursive: true }));
  afterEach(async () => {
    for (const part of parts.splice(0)) await part.stop();
    for (const host of hosts.splice(0)) {
      host.close();
      host.closeAllConnections();
    }
    logs.length = 0;
  });

  async function start(options: object): Promise<Part> {
    const part = await startPart(
      express,
      { stopTimeoutMs: 50, ...options },
      { directory, onLog: (record) => logs.push(record) },
    );
    parts.push(part);
    return part;
  }

  async function listen(app: RequestHandler): Promise<string> {
    const host = createServer(app as never);
    hosts.push(host);
    await once(host.listen(0, '127.0.0.1'), 'listening');
    return `http://127.0.0.1:${(host.address() as AddressInfo).port}`;
  }

  /** The three ways to have it, each with one route under `/a`. @returns Where it is. */
  const ways: Record<string, (middleware: Middleware[], route: HttpRoute, more?: object) => Promise<string>> =
    {
      'listening alone': async (middleware, route, more) => {
        const server = (await start({ port: 0, middleware, ...more })).face(httpServer);
        server.mount(({ path }) => (path.startsWith('/a') ? route : undefined));
        return server.address() as string;
      },
      'with an application behind': async (middleware, route, more) => {
        const app = hostExpress();
        app.get('/own', (request, response) => void response.send(`own ${'vivace' in request}`));
        const server = (await start({ port: 0, middleware, app, ...more })).face(httpServer);
        server.mount(({ path }) => (path.startsWith('/a') ? route : undefined));
        return server.address() as string;
      },
      'mounted in an application': async (middleware, route, more) => {
        const router = hostExpress.Router();
        const server = (await start({ middleware, router, ...more })).face(httpServer);
        server.mount(({ path }) => (path.startsWith('/a') ? route : undefined));
        const app = hostExpress().use(router);
        app.get('/own', (request, response) => void response.send(`own ${'vivace' in request}`));
        return listen(app);
      },
    };
  const alone = ways['listening alone']!;
  const ask = (address: string, more: Partial<SentRequest> = {}) =>
    sendOverSocket(address, { path: '/a', ...more });

  for (const [way, serve] of Object.entries(ways)) {
    describe(way, () => {
      it('comes before admission, and that before the body', async () => {
        const steps: string[] = [];
        const noting = (name: string): RequestHandler => {
          return (request, _response, next) => {
            steps.push(`${name} ${request.readableDidRead}`);
            next();
          };
        };
        const address = await serve([noting('first'), noting('second')], {
          admit: (_head, call) => (steps.push('admit'), call),
          handle: ({ body }) => (steps.push(`handle ${body.length}`), { status: 200, headers: {}, body: '' }),
        });
        await ask(address, { body: new Uint8Array(3) });
        expect(steps).to.deep.equal(['first false', 'second false', 'admit', 'handle 3']);
      });

      it('hands on who calls', async () => {
        const address = await serve([named], { handle: tell });
        expect((await ask(address, { headers: { 'x-who': 'ada' } })).text).to.equal('ada 0');
      });

      it('may answer itself', async () => {
        const address = await serve(
          [(_request, response) => void response.status(401).json({ who: 'are you' })],
          { handle: tell, failed },
        );
        const answer = await ask(address);
        expect([answer.status, answer.text]).to.deep.equal([401, '{"who":"are you"}']);
      });

      const failures: Record<string, RequestHandler> = {
        throws: () => {
          throw httpError(403, 'not you');
        },
        'gives an error to `next`': (_request, _response, next) => next(httpError(403, 'not you')),
        rejects: async () => Promise.reject(httpError(403, 'not you')),
        'throws an error of Vivace': () => {
          throw new VivaceError('PERMISSION_DENIED', 'not you');
        },
      };
      for (const [what, middleware] of Object.entries(failures)) {
        it(`is answered in the route's format where it ${what}`, async () => {
          const address = await serve([middleware], { handle: tell, failed });
          const answer = await ask(address);
          expect([answer.status, answer.text]).to.deep.equal([403, '/a PERMISSION_DENIED: not you']);
          expect(logs).to.deep.equal([]);
        });
      }

      it('is answered with 504 where it never goes on, and may do what it likes later', async () => {
        let late: () => void = () => undefined;
        const address = await serve(
          [(_request, response) => void (late = () => void response.status(200).json({ too: 'late' }))],
          { handle: tell, failed },
          { middlewareTimeoutMs: 20 },
        );
        const answer = await ask(address);
        expect([answer.status, answer.text]).to.deep.equal([
          504,
          '/a DEADLINE_EXCEEDED: the middleware neither answered nor went on within 20 ms',
        ]);
        late();
        expect((await ask(address)).status).to.equal(504);
      });

      it('runs for no path of others', async () => {
        let seen = 0;
        const address = await serve(
          [
            (request, _response, next) => {
              seen++;
              Object.assign(request, { vivace: { caller: { id: 'x' } } });
              next();
            },
          ],
          { handle: tell },
        );
        expect((await ask(address, { path: '/elsewhere' })).status).to.equal(404);
        if (way !== 'listening alone')
          expect((await ask(address, { path: '/own' })).text).to.equal('own false');
        expect(seen).to.equal(0);
        expect((await ask(address)).text).to.equal('x 0');
      });

      it('sets headers that answers and errors keep', async () => {
        const safe: RequestHandler = (_request, response, next) => {
          response.set('X-Content-Type-Options', 'nosniff');
          next();
        };
        const address = await serve([safe], {
          admit(head, call) {
            if (head.method === 'PUT') throw new VivaceError('PERMISSION_DENIED', 'no');
            return call;
          },
          handle: tell,
        });
        for (const method of ['GET', 'PUT'])
          expect((await ask(address, { method })).headers['x-content-type-options']).to.equal('nosniff');
      });

      it('may read the body', async () => {
        const address = await serve([hostExpress.json()], { handle: tell });
        const sent = { body: Buffer.from('{"a":1}'), headers: { 'content-type': 'application/json' } };
        expect((await ask(address, sent)).text).to.equal('nobody {"a":1}');
        const broken = { ...sent, body: Buffer.from('{"a"') };
        expect((await ask(address, broken)).status).to.equal(400);
      });

      it('is told where it has read the body and kept it', async () => {
        const swallow: RequestHandler = (request, _response, next) => {
          request.resume().on('end', () => next());
        };
        const address = await serve([swallow], { handle: tell });
        const answer = await ask(address, { body: new Uint8Array(3) });
        expect(answer.status).to.equal(500);
        expect(answer.text).to.include('has read the body without parsing it');
      });
    });
  }

  describe('errors', () => {
    it('that are faults are hidden and logged, with the id of the request', async () => {
      const address = await alone([() => Promise.reject(new Error('secret'))], { handle: tell });
      const answer = await ask(address, { headers: { 'x-request-id': 'r1' } });
      expect([answer.status, JSON.parse(answer.text)]).to.deep.equal([
        500,
        { code: 'INTERNAL', message: 'internal error', requestId: 'r1' },
      ]);
      expect(logs.map(({ message, fields }) => [message, fields])).to.deep.equal([
        ['a request failed', { requestId: 'r1' }],
      ]);
    });

    it('keep their status and headers, and their message unless they hide it', async () => {
      const errors: Record<string, unknown> = {
        '401': httpError(401, 'who?', { headers: { 'WWW-Authenticate': 'Bearer' } }),
        '404': httpError(404, 'where?'),
        '418': { statusCode: 418, message: 'not an Error' },
        '422': httpError(422, 'secret', { expose: false }),
        '429': httpError(429, 'slower'),
        '503': httpError(503, 'secret'),
      };
      const address = await alone([(request, _response, next) => next(errors[request.get('x-status')!])], {
        handle: tell,
      });
      const seen: unknown[] = [];
      for (const status of Object.keys(errors)) {
        const answer = await ask(address, { headers: { 'x-status': status } });
        const { code, message } = JSON.parse(answer.text) as { code: string; message: string };
        seen.push([answer.status, code, message]);
        if (status === '401') expect(answer.headers['www-authenticate']).to.equal('Bearer');
      }
      expect(seen).to.deep.equal([
        [401, 'UNAUTHENTICATED', 'who?'],
        [404, 'NOT_FOUND', 'where?'],
        [418, 'INVALID_ARGUMENT', '[object Object]'],
        [422, 'INVALID_ARGUMENT', 'refused by middleware'],
        [429, 'RESOURCE_EXHAUSTED', 'slower'],
        [500, 'INTERNAL', 'internal error'],
      ]);
    });

    it('may be taken by middleware of four parameters', async () => {
      const take: ErrorRequestHandler = (error: Error, _request, response, _next) =>
        void response.status(409).send(error.message);
      const address = await alone([(_request, _response, next) => next(new Error('mine')), take as never], {
        handle: tell,
      });
      const answer = await ask(address);
      expect([answer.status, answer.text]).to.deep.equal([409, 'mine']);
    });

    it('behind an answer are logged', async () => {
      const address = await alone(
        [
          (_request, _response, next) => {
            next();
            setImmediate(() => setImmediate(() => next(new Error('too late'))));
          },
        ],
        { handle: tell },
      );
      expect((await ask(address)).status).to.equal(200);
      while (logs.length === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(logs.map(({ message }) => message)).to.deep.equal(['middleware failed behind its answer']);
    });

    it('tell where the caller that middleware names has no id', async () => {
      const address = await alone([named], { handle: tell });
      expect((await ask(address)).status).to.equal(500);
      expect(String(logs[0]?.error)).to.include('request.vivace.caller has no id');
    });
  });

  describe('messages', () => {
    it('are those of express', async () => {
      const seen: unknown[] = [];
      const address = await alone(
        [
          (request, response, next) => {
            seen.push(
              request.ip,
              request.query,
              request.originalUrl,
              response.locals,
              request.res === response,
            );
            next();
          },
        ],
        { handle: tell },
      );
      const answer = await ask(address, { path: '/a?b=c' });
      expect(seen).to.deep.equal(['127.0.0.1', { b: 'c' }, '/a?b=c', Object.create(null), true]);
      expect(answer.headers).not.to.have.property('x-powered-by');
    });

    it('follow the settings of the application behind', async () => {
      let ip: string | undefined;
      const app = hostExpress().set('trust proxy', true);
      const server = (
        await start({
          port: 0,
          app: app as unknown as ExpressApplication,
          middleware: [((request, _response, next) => ((ip = request.ip), next())) satisfies RequestHandler],
        })
      ).face(httpServer);
      server.mount(() => ({ handle: tell }));
      await ask(server.address() as string, { headers: { 'x-forwarded-for': '203.0.113.7' } });
      expect(ip).to.equal('203.0.113.7');
    });
  });

  describe('bodies', () => {
    it('are asked for with 100-continue once middleware reads them', async () => {
      const address = await alone([hostExpress.text({ type: '*/*' })], { handle: tell });
      const connection = new RawConnection(address).send(post('Content-Length: 3\r\nExpect: 100-continue'));
      expect((await connection.answer())?.status).to.equal(100);
      expect((await connection.send('abc').answer())?.body).to.equal('nobody 3');
      connection.socket.destroy();
    });

    it('are not asked for where middleware refuses', async () => {
      const address = await alone([(_request, response) => void response.status(401).end()], {
        handle: tell,
      });
      const connection = new RawConnection(address).send(post('Content-Length: 3\r\nExpect: 100-continue'));
      expect((await connection.rest()).map(({ status }) => status)).to.deep.equal([401]);
    });

    it('that do not come while middleware waits are answered with 408', async () => {
      const address = await alone(
        [hostExpress.text({ type: '*/*' })],
        { handle: tell, failed },
        { headersTimeoutMs: 60, requestTimeoutMs: 60 },
      );
      const answer = await new RawConnection(address).send(post('Content-Length: 3', 'a')).answer();
      expect([answer?.status, answer?.headers['x-format']]).to.deep.equal([408, 'mine']);
    });
  });

  it('has nothing to say to a peer that has left meanwhile, and hands over nothing', async () => {
    let entered: () => void = () => undefined;
    let over: () => void = () => undefined;
    const inside = new Promise<void>((resolve) => (entered = resolve));
    const wentOn = new Promise<void>((resolve) => (over = resolve));
    let handled = 0;
    const address = await alone(
      [
        (request, _response, next) => {
          request.socket.once('close', () => {
            next();
            over();
          });
          entered();
        },
      ],
      { handle: (...given) => (handled++, tell(...given)) },
    );
    const connection = new RawConnection(address).send(post('Content-Length: 0'));
    await inside;
    connection.socket.resetAndDestroy();
    await wentOn;
    // Express goes on in the next turn of the loop.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect([handled, logs]).to.deep.equal([0, []]);
  });

  it('closes its connections while the server drains', async () => {
    let entered: () => void = () => undefined;
    const inside = new Promise<void>((resolve) => (entered = resolve));
    let answer: () => void = () => undefined;
    const part = await start({
      port: 0,
      drainIdleMs: 0,
      middleware: [
        ((request, response) => {
          answer = () => void response.send(request.path);
          entered();
        }) satisfies RequestHandler,
      ],
    });
    const server = part.face(httpServer);
    server.mount(() => ({ handle: tell }));
    const connection = new RawConnection(server.address() as string).send(post('Content-Length: 0'));
    await inside;
    const drained = server.drain(callContext());
    answer();
    expect((await connection.answer())?.body).to.equal('/a');
    await Promise.all([connection.ended, drained]);
  });

  describe('modules', () => {
    const write = (name: string, text: string): string => {
      writeFileSync(join(directory, name), text);
      return `./${name}`;
    };
    const starting = (middleware: unknown[]): Promise<string> => failureOf(start({ port: 0, middleware }));

    it('are loaded from the folder of the configuration, in the order they are named', async () => {
      const first = write('first.mjs', 'export default (q, r, next) => { q.seen = "first"; next(); };');
      const auth = write(
        'auth.cjs',
        'module.exports = (q, r, next) => { q.vivace = { caller: { id: q.seen + " then auth" } }; next(); };',
      );
      const address = await alone([first, auth], { handle: tell });
      expect((await ask(address)).text).to.equal('first then auth 0');
    });

    it('may be as docs/adapters/express.md shows one', async () => {
      const block = blocksOf(readText('docs/adapters/express.md')).find(({ text }) =>
        text.startsWith('// auth.js'),
      );
      write('package.json', '{"type": "module"}');
      await withEnvironment({ API_KEYS: '[["k1", "ada"]]' }, async () => {
        const address = await alone([write('auth.js', block!.text)], { handle: tell });
        expect((await ask(address)).status).to.equal(401);
        expect((await ask(address, { headers: { 'x-api-key': 'k1' } })).text).to.equal('ada 0');
      });
    });

    it('that cannot be used keep the server from starting', async () => {
      const broken = write('broken.mjs', 'export default (');
      const none = write('none.mjs', 'export const middleware = () => undefined;');
      expect(await starting(['./nowhere.js'])).to.match(
        /^INVALID_CONFIG.*middleware\[0\]: there is no file \.\/nowhere\.js/,
      );
      expect(await starting([named, broken])).to.match(/middleware\[1\]: "\.\/broken\.mjs" does not load: /);
      expect(await starting([none])).to.match(
        /the default export of "\.\/none\.mjs" is not a function \(request, response, next\)/,
      );
    });

    it('are paths of files, not names of packages', async () => {
      for (const wrong of ['helmet', './auth', './auth.ts', 5])
        expect(await failureOf((async () => start({ port: 0, middleware: [wrong] }))())).to.match(
          /^INVALID_CONFIG/,
        );
    });
  });

  it('counts what it ends, by how', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60_000 });
    const provider = new MeterProvider({ readers: [reader] });
    metrics.setGlobalMeterProvider(provider);
    try {
      const address = await alone(
        [
          (request, response, next) => {
            const what = request.get('x-do');
            if (what === 'answer') response.end('mine');
            else if (what === 'fail') next(httpError(403, 'no'));
            else if (what === 'pass') next();
          },
        ],
        { handle: tell },
        { middlewareTimeoutMs: 20 },
      );
      for (const what of ['answer', 'fail', 'fail', 'hang', 'pass'])
        await ask(address, { headers: { 'x-do': what } });
      await reader.forceFlush();
      const found = exporter
        .getMetrics()
        .flatMap(({ scopeMetrics }) => scopeMetrics)
        .flatMap(({ metrics: each }) => each)
        .find(({ descriptor }) => descriptor.name === 'vivace.middleware.exchanges');
      const counts = found?.dataPoints.map(({ attributes, value }) => [attributes['outcome'], value]);
      expect(Object.fromEntries(counts as [])).to.deep.equal({ answered: 1, failed: 2, late: 1 });
    } finally {
      metrics.disable();
      await provider.shutdown();
    }
  });

  it('is of one part: who calls reaches the pipeline, and health on another part is asked by anybody', async () => {
    let seen: Call | undefined;
    const served = planes({
      pipelines: { predict: async (_, __, call) => ((seen = call), echoed('r', null)) },
    });
    const guarded: RequestHandler = (request, _response, next) => {
      if (request.get('authorization') === undefined) throw httpError(401, 'who?');
      Object.assign(request, { vivace: { caller: { id: 'ada', team: 'flights' } } });
      next();
    };
    const front = (await start({ port: 0, middleware: [guarded] })).face(httpServer);
    const back = (await start({ port: 0 })).face(httpServer);
    for (const [definition, server] of [
      [rest, front],
      [operations, back],
    ] as const) {
      const part = await startPart(definition, {}, { uses: { server } });
      parts.push(part);
      await part.face(transport).serve(served, callContext());
    }
    const predict = { path: '/v1/pipelines/echo/predict', body: Buffer.from('{"request":{}}') };
    const refused = await ask(front.address() as string, predict);
    expect([refused.status, (JSON.parse(refused.text) as { code: string }).code]).to.deep.equal([
      401,
      'UNAUTHENTICATED',
    ]);
    const headers = { authorization: 'Bearer x' };
    expect((await ask(front.address() as string, { ...predict, headers })).status).to.equal(200);
    expect(seen?.caller).to.deep.equal({ id: 'ada', team: 'flights' });
    expect((await ask(back.address() as string, { path: '/health/ready' })).status).to.equal(200);
  });
});
