import { expect } from 'chai';
import hostExpress, { type ErrorRequestHandler, type RequestHandler } from 'express';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { httpServer, loadServer, VivaceError, type Admission } from 'vivace';
import { express } from 'vivace/adapters/express';
import { callContext, startPart } from 'vivace/testing';
import { ask, ExpressHost, failed, httpError, named, postBytes, tell } from '../support/express-host.js';
import { failureOf } from '../support/failure.js';
import { RawConnection } from '../support/raw-socket.js';
import { blocksOf, readText } from '../support/repository.js';
import { withEnvironment } from '../support/with-environment.js';

describe('Express middleware, in detail', () => {
  const host = new ExpressHost();
  const { alone, logs } = host;
  after(() => host.remove());
  afterEach(() => host.clear());

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
        [418, 'INVALID_ARGUMENT', 'not an Error'],
        [422, 'INVALID_ARGUMENT', 'refused by middleware'],
        [429, 'RESOURCE_EXHAUSTED', 'slower'],
        [500, 'INTERNAL', 'internal error'],
      ]);
    });

    it('cannot say where the body of the answer ends', async () => {
      const headers = { 'Transfer-Encoding': 'chunked', 'Content-Length': 3, 'Retry-After': 5 };
      const address = await alone(
        [(_request, _response, next) => next(httpError(429, 'slower', { headers }))],
        {
          handle: tell,
          failed,
        },
      );
      const answer = await ask(address);
      expect(answer.text).to.equal('/a RESOURCE_EXHAUSTED: slower');
      expect(answer.headers).to.include({ 'retry-after': '5', 'content-length': '29' });
      expect(answer.headers).not.to.have.property('transfer-encoding');
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
      expect(logs.map(({ message }) => message)).to.deep.equal(['middleware failed after it answered']);
    });

    it('tell where the caller that middleware names has no id', async () => {
      const address = await alone([named], { handle: tell });
      expect((await ask(address)).status).to.equal(500);
      expect(String(logs[0]?.error)).to.include('request.vivace.caller must have an id');
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
        await host.start({
          port: 0,
          app,
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
      const connection = new RawConnection(address).send(
        postBytes('Content-Length: 3\r\nExpect: 100-continue'),
      );
      expect((await connection.answer())?.status).to.equal(100);
      expect((await connection.send('abc').answer())?.body).to.equal('nobody 3');
      connection.socket.destroy();
    });

    it('are not asked for where middleware refuses', async () => {
      const address = await alone([(_request, response) => void response.status(401).end()], {
        handle: tell,
      });
      const connection = new RawConnection(address).send(
        postBytes('Content-Length: 3\r\nExpect: 100-continue'),
      );
      expect((await connection.rest()).map(({ status }) => status)).to.deep.equal([401]);
    });

    it('are not asked for where admission refuses, whatever middleware there is', async () => {
      const refusing: Admission = {
        enter: () => {
          throw new VivaceError('RESOURCE_EXHAUSTED', 'as the test asked', { httpStatus: 503 });
        },
        turn: () => undefined,
        leave: () => undefined,
      };
      const middleware = [hostExpress.text({ type: '*/*' })];
      const part = host.keep(
        await startPart(express, { port: 0, stopTimeoutMs: 50, middleware }, { admission: refusing }),
      );
      const server = part.face(httpServer);
      server.mount(() => ({ handle: tell }));
      const connection = new RawConnection(server.address() as string).send(
        postBytes('Content-Length: 3\r\nExpect: 100-continue'),
      );
      expect((await connection.rest()).map(({ status }) => status)).to.deep.equal([503]);
    });

    it('that do not come while middleware waits are answered with 408', async () => {
      const address = await alone(
        [hostExpress.text({ type: '*/*' })],
        { handle: tell, failed },
        { headersTimeoutMs: 60, requestTimeoutMs: 60 },
      );
      const answer = await new RawConnection(address).send(postBytes('Content-Length: 3', 'a')).answer();
      expect([answer?.status, answer?.headers['x-format']]).to.deep.equal([408, 'mine']);
    });
  });

  describe('connections', () => {
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
      const connection = new RawConnection(address).send(postBytes('Content-Length: 0'));
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
      const part = await host.start({
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
      const connection = new RawConnection(server.address() as string).send(postBytes('Content-Length: 0'));
      await inside;
      const drained = server.drain(callContext());
      answer();
      expect((await connection.answer())?.body).to.equal('/a');
      await Promise.all([connection.ended, drained]);
    });
  });

  describe('modules', () => {
    const write = (name: string, text: string): string => {
      writeFileSync(join(host.directory, name), text);
      return `./${name}`;
    };
    const starting = (middleware: unknown[]): Promise<string> =>
      failureOf(host.start({ port: 0, middleware }));

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
      expect(await starting(['./nowhere.js'])).to.match(/^INVALID_CONFIG.*there is no file \.\/nowhere\.js/);
      expect(await starting([named, broken])).to.match(/"\.\/broken\.mjs" does not load: /);
      expect(await starting([none])).to.match(
        /the default export of "\.\/none\.mjs" is not a function \(request, response, next\)/,
      );
    });

    it('that cannot be used are mistakes of the configuration, before anything starts', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'vivace-middleware-'));
      try {
        writeFileSync(
          join(directory, 'vivace.yaml'),
          'parts:\n  web:\n    use: express\n    middleware:\n      - ./nowhere.js\n',
        );
        const mistakes = await failureOf(loadServer(join(directory, 'vivace.yaml')));
        expect(mistakes).to.equal(
          `INVALID_CONFIG vivace.yaml:5 parts.web.middleware[0]: there is no file ./nowhere.js in ${directory}`,
        );
      } finally {
        rmSync(directory, { recursive: true });
      }
    });

    it('are paths of files, not names of packages', async () => {
      for (const wrong of ['helmet', './auth', './auth.ts', 5])
        expect(await failureOf((async () => host.start({ port: 0, middleware: [wrong] }))())).to.match(
          /^INVALID_CONFIG/,
        );
    });
  });
});
