import { SpanKind, trace } from '@opentelemetry/api';
import assert from 'node:assert/strict';
import { setImmediate as tick } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Call } from '../kernel/call.js';
import { isVivaceError, VivaceError } from '../kernel/errors.js';
import type { RunningPart } from '../parts/create-part.js';
import {
  httpServer,
  type HttpRequest,
  type HttpRequestHead,
  type HttpResponse,
  type HttpRoute,
  type HttpServer,
} from '../ports/http-server.js';
import { lifecycleContract } from './lifecycle-contract.js';
import { loadCases } from './http-server-load.js';
import { recordSpans, type RecordedSpan } from './recorded-spans.js';
import type { ContractSetup } from './runner.js';
import { sendOverSocket, type SentRequest, type SentResponse } from './send-over-socket.js';
import { callContext, type StartPartOptions } from './start-part.js';
import { TestAdmission } from './test-admission.js';

export interface HttpServerContractSetup extends Pick<ContractSetup<RunningPart>, 'runner'> {
  /** Makes a part, fresh, not started, with the surroundings that the contract gives: the third argument of `makePart`. */
  readonly make: (surroundings: Pick<StartPartOptions, 'admission'>) => RunningPart | Promise<RunningPart>;
  /** Sends a request to a server that does not listen; others are asked at their `address()`. */
  readonly send?: (server: HttpServer, request: SentRequest) => Promise<SentResponse>;
}

const text = (body: string, status = 200): HttpResponse => ({
  status,
  headers: { 'content-type': 'text/plain' },
  body,
});

/**
 * What every `HttpServer` promises.
 *
 * @param setup.make Gives a part with a body limit of 1,000 bytes and a decompressed limit of 5,000, not started.
 */
export function httpServerContract({ runner, make, send }: HttpServerContractSetup): void {
  const { describe, it, beforeEach, afterEach } = runner;
  describe('HttpServer contract', () => {
    let part: RunningPart;
    let server: HttpServer;
    let admission: TestAdmission;
    beforeEach(async () => {
      admission = new TestAdmission();
      part = await make({ admission });
      await part.start(callContext());
      server = part.face(httpServer);
    });
    afterEach(() => part.stop());

    const ask = (request: SentRequest): Promise<SentResponse> => {
      const address = server.address();
      if (address !== undefined) return sendOverSocket(address, request);
      assert.ok(send, 'the contract needs `send` for a server that does not listen');
      return send(server, request);
    };
    const mount = (handle: HttpRoute['handle'], more: Partial<HttpRoute> = {}): void =>
      server.mount(() => ({ handle, ...more }));
    const errorOf = (answer: SentResponse): { code: string; message: string; requestId?: string } =>
      JSON.parse(answer.text) as { code: string; message: string; requestId?: string };

    it('hands over method, path, query, headers and body, and gives back status, headers and body', async () => {
      let seen: HttpRequest | undefined;
      let call: Call | undefined;
      mount((request, given) => {
        seen = request;
        call = given;
        return { status: 201, headers: { 'x-answer': 'yes' }, body: 'żółć' };
      });
      const answer = await ask({
        method: 'POST',
        path: '/a%20b/c?x=1&y=%3F?',
        headers: { 'X-Mixed-Case': 'Value' },
        body: Uint8Array.of(0, 255, 10),
      });
      assert.equal(answer.status, 201);
      assert.equal(answer.headers['x-answer'], 'yes');
      assert.equal(answer.text, 'żółć');
      assert.equal(seen?.method, 'POST');
      assert.equal(seen.path, '/a%20b/c');
      assert.equal(seen.query, 'x=1&y=%3F?');
      assert.equal(seen.headers['x-mixed-case'], 'Value');
      assert.deepEqual([...seen.body], [0, 255, 10]);
      assert.equal(call?.signal.aborted, false);
    });

    it('gives an empty body and query where there is none', async () => {
      mount(({ body, query }) => text(`${body.length},${query.length}`));
      assert.equal((await ask({ path: '/' })).text, '0,0');
    });

    it('sends bytes as they are, and waits for a promise', async () => {
      const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 31) & 255);
      mount(async () => {
        await tick();
        return { status: 200, headers: {}, body: bytes };
      });
      assert.ok(Buffer.from(bytes).equals((await ask({ path: '/' })).bytes));
    });

    it('answers HEAD without a body', async () => {
      mount(() => text('long'));
      const answer = await ask({ method: 'HEAD', path: '/' });
      assert.deepEqual([answer.status, answer.text], [200, '']);
    });

    it('asks the routers in their order, and answers 404 where none takes the path', async () => {
      server.mount(({ path }) => (path.startsWith('/a') ? { handle: () => text('first') } : undefined));
      server.mount(({ path }) =>
        path.startsWith('/ab') || path === '/b' ? { handle: () => text('second') } : undefined,
      );
      assert.equal((await ask({ path: '/ab' })).text, 'first');
      assert.equal((await ask({ path: '/b' })).text, 'second');
      const nowhere = await ask({ path: '/c', headers: { 'x-request-id': 'mine-1' } });
      assert.equal(nowhere.status, 404);
      assert.match(nowhere.headers['content-type'] ?? '', /^application\/json/);
      assert.equal(errorOf(nowhere).code, 'NOT_FOUND');
      assert.equal(errorOf(nowhere).requestId, 'mine-1');
    });

    it('changes its routers in one step, while an exchange of an earlier one goes on', async () => {
      let go: () => void = () => undefined;
      const held = new Promise<void>((resolve) => (go = resolve));
      let begun: () => void = () => undefined;
      const begins = new Promise<void>((resolve) => (begun = resolve));
      mount(async () => {
        begun();
        await held;
        return text('earlier');
      });
      const earlier = ask({ path: '/a' });
      await begins;
      let ended = false;
      const first = server.remount([
        ({ path }) => (path === '/a' ? { handle: () => text('one') } : undefined),
      ]);
      const second = server.remount([
        ({ path }) => (path === '/b' ? { handle: () => text('two') } : undefined),
        ({ path }) => (path === '/c' ? { handle: () => text('three') } : undefined),
      ]);
      void second.then(() => (ended = true));
      assert.equal((await ask({ path: '/a' })).status, 404);
      assert.equal((await ask({ path: '/b' })).text, 'two');
      assert.equal((await ask({ path: '/c' })).text, 'three');
      assert.equal(ended, false);
      go();
      assert.equal((await earlier).text, 'earlier');
      await Promise.all([first, second]);
    });

    it('answers 503 with Retry-After before a router is mounted', async () => {
      const answer = await ask({ path: '/' });
      assert.equal(answer.status, 503);
      assert.ok(Number(answer.headers['retry-after']) >= 1);
      assert.equal(errorOf(answer).code, 'UNAVAILABLE');
    });

    it('undoes gzip', async () => {
      mount(({ body }) => text(Buffer.from(body).toString()));
      const body = gzipSync('x'.repeat(3_000));
      assert.equal(
        (await ask({ path: '/', headers: { 'content-encoding': 'gzip' }, body })).text,
        'x'.repeat(3_000),
      );
    });

    it('answers 413 to a body above the limit, plain or decompressed', async () => {
      mount(() => text('read'));
      assert.equal((await ask({ path: '/', body: new Uint8Array(1_000) })).status, 200);
      const plain = await ask({ path: '/', body: new Uint8Array(1_001) });
      assert.deepEqual([plain.status, errorOf(plain).code], [413, 'INVALID_ARGUMENT']);
      const bomb = gzipSync(new Uint8Array(100_000));
      const packed = await ask({ path: '/', headers: { 'content-encoding': 'gzip' }, body: bomb });
      assert.deepEqual([packed.status, errorOf(packed).code], [413, 'INVALID_ARGUMENT']);
    });

    it('answers 415 to an encoding it does not know, and names those it knows', async () => {
      mount(() => text('read'));
      const answer = await ask({
        path: '/',
        headers: { 'content-encoding': 'pack200' },
        body: Uint8Array.of(1),
      });
      assert.equal(answer.status, 415);
      assert.match(answer.headers['accept-encoding'] ?? '', /gzip/);
    });

    it('answers 400 to broken compressed data', async () => {
      mount(() => text('read'));
      const answer = await ask({
        path: '/',
        headers: { 'content-encoding': 'gzip' },
        body: Uint8Array.of(1, 2, 3),
      });
      assert.equal(answer.status, 400);
    });

    it('answers 500 without details when a handler throws or rejects', async () => {
      mount(({ path }) => {
        if (path === '/rejects') return Promise.reject(new Error('secret'));
        throw new Error('secret');
      });
      for (const path of ['/throws', '/rejects']) {
        const answer = await ask({ path, headers: { 'x-request-id': 'mine-2' } });
        assert.equal(answer.status, 500);
        assert.deepEqual(errorOf(answer), {
          code: 'INTERNAL',
          message: 'internal error',
          requestId: 'mine-2',
        });
      }
    });

    it('gives the call the id of its headers, or one of its own, and tells both in errors', async () => {
      const seen: string[] = [];
      mount((_request, { requestId }) => {
        seen.push(requestId);
        throw new VivaceError('ABORTED', 'as the test asked');
      });
      const given = await ask({ path: '/', headers: { 'x-request-id': 'mine-3' } });
      const own = await ask({ path: '/', headers: { 'x-request-id': 'not a good one' } });
      assert.equal(seen[0], 'mine-3');
      assert.match(seen[1] ?? '', /^[0-9a-f-]{36}$/);
      assert.deepEqual([errorOf(given).requestId, errorOf(own).requestId], seen);
    });

    for (const way of ['at once', 'later'] as const) {
      const settle = async <T>(work: () => T): Promise<T> => {
        await tick();
        return work();
      };

      it(`goes on with the call that \`admit\` returns ${way}`, async () => {
        const steps: string[] = [];
        const admitted = (head: HttpRequestHead, call: Call): Call => {
          steps.push(`admit ${head.method} ${head.path}`);
          return call.derive({ caller: { id: 'tester' } });
        };
        mount(
          ({ body }, { caller }) => {
            steps.push(`handle ${body.length}`);
            return text(caller?.id ?? 'nobody');
          },
          {
            admit: (head, call) =>
              way === 'at once' ? admitted(head, call) : settle(() => admitted(head, call)),
          },
        );
        const answer = await ask({ path: '/a', body: Uint8Array.of(1, 2) });
        assert.deepEqual([answer.status, answer.text], [200, 'tester']);
        assert.deepEqual(steps, ['admit POST /a', 'handle 2']);
      });

      it(`hands over nothing that \`admit\` refuses ${way}`, async () => {
        let handled = 0;
        const refuse = (): never => {
          throw new VivaceError('PERMISSION_DENIED', 'not you');
        };
        mount(() => text(String(++handled)), {
          admit: () => (way === 'at once' ? refuse() : settle(refuse)),
        });
        const answer = await ask({ path: '/', body: new Uint8Array(500) });
        assert.deepEqual([answer.status, errorOf(answer).code, handled], [403, 'PERMISSION_DENIED', 0]);
      });
    }

    for (const [way, admit] of [
      ['at once', (): undefined => undefined],
      ['later', (): Promise<undefined> => Promise.resolve(undefined)],
    ] as const)
      it(`answers INTERNAL, with the id of the request, where \`admit\` returns no call ${way}`, async () => {
        let handled = 0;
        mount(() => text(String(++handled)), {
          // As a caller without types may write it.
          admit: admit as unknown as NonNullable<HttpRoute['admit']>,
          failed: ({ code, message, httpStatus }, _head, { requestId }) =>
            text(`${code} ${requestId} ${message}`, httpStatus),
          template: '/things/{thing}',
        });
        const answer = await ask({ path: '/things/1', headers: { 'x-request-id': 'mine-4' } });
        assert.deepEqual([answer.status, handled], [500, 0]);
        assert.match(
          answer.text,
          /^INTERNAL mine-4 `admit` of the route GET \/things\/\{thing\} returned nothing/,
        );
      });

    loadCases(runner, () => ({ server, admission, ask, mount, errorOf }));

    it('makes an exchange a SERVER span that the call hangs below, unless the route is quiet', async () => {
      await recordSpans(async (spans) => {
        const traces: (string | undefined)[] = [];
        const handle: HttpRoute['handle'] = (_request, { trace: context }) => {
          traces.push(context && trace.getSpanContext(context)?.spanId);
          return text('yes');
        };
        server.mount(({ path }) =>
          path === '/quiet' ? { handle, quiet: true } : { handle, template: '/things/{thing}' },
        );
        await ask({ path: '/quiet' });
        await ask({ path: '/things/1' });
        while (spans[0]?.ended !== true) await tick();
        assert.equal(spans.length, 1);
        const [{ name, kind, attributes, spanId }] = spans as readonly [RecordedSpan];
        assert.equal(kind, SpanKind.SERVER);
        // Where the server is mounted below a path, that path comes first.
        assert.match(name, /^GET .*\/things\/\{thing\}$/);
        assert.equal(name, `GET ${String(attributes['http.route'])}`);
        assert.match(String(attributes['url.path']), /\/things\/1$/);
        assert.equal(attributes['http.response.status_code'], 200);
        assert.deepEqual(traces, [undefined, spanId]);
      });
    });

    it('formats every error of a route as the route does, its own violations too', async () => {
      const refused = new VivaceError('INVALID_ARGUMENT', 'use POST', { httpStatus: 405 });
      mount(
        ({ path }) => {
          throw path === '/known' ? new VivaceError('DATA_LOSS', 'gone') : new Error('secret');
        },
        {
          admit(head, call) {
            if (head.method === 'PUT') throw refused;
            return call;
          },
          failed: (error, head, call) => ({
            status: error.httpStatus,
            headers: { 'content-type': 'text/plain', 'x-mine': call.requestId },
            body: `${head.path} ${error.code}`,
          }),
        },
      );
      const gzip = { 'content-encoding': 'gzip' };
      const bytes = Uint8Array.of(1, 2, 3);
      const sent: readonly [SentRequest, number, string][] = [
        [{ path: '/known' }, 500, 'DATA_LOSS'],
        [{ path: '/unknown' }, 500, 'INTERNAL'],
        [{ path: '/method', method: 'PUT' }, 405, 'INVALID_ARGUMENT'],
        [{ path: '/large', body: new Uint8Array(1_001) }, 413, 'INVALID_ARGUMENT'],
        [{ path: '/bomb', headers: gzip, body: gzipSync(new Uint8Array(100_000)) }, 413, 'INVALID_ARGUMENT'],
        [{ path: '/broken', headers: gzip, body: bytes }, 400, 'INVALID_ARGUMENT'],
        [
          { path: '/coding', headers: { 'content-encoding': 'pack200' }, body: bytes },
          415,
          'INVALID_ARGUMENT',
        ],
      ];
      for (const [request, status, code] of sent) {
        const answer = await ask({ ...request, headers: { ...request.headers, 'x-request-id': 'mine-4' } });
        assert.deepEqual([answer.status, answer.text], [status, `${request.path} ${code}`]);
        assert.equal(answer.headers['x-mine'], 'mine-4');
        if (status === 415) assert.match(answer.headers['accept-encoding'] ?? '', /gzip/);
      }
    });

    it('answers in the default format where the format of a route fails', async () => {
      mount(
        () => {
          throw new VivaceError('ABORTED', 'as the test asked');
        },
        {
          failed: () => {
            throw new TypeError('secret');
          },
        },
      );
      const answer = await ask({ path: '/', headers: { 'x-request-id': 'mine-5' } });
      assert.equal(answer.status, 409);
      assert.deepEqual(errorOf(answer), {
        code: 'ABORTED',
        message: 'as the test asked',
        requestId: 'mine-5',
      });
    });

    it('takes no larger body than the route does, plain or decompressed', async () => {
      mount(({ body }) => text(String(body.length)), { bodyLimitBytes: 100 });
      assert.equal((await ask({ path: '/', body: new Uint8Array(100) })).text, '100');
      assert.equal((await ask({ path: '/', body: new Uint8Array(101) })).status, 413);
      const headers = { 'content-encoding': 'gzip' };
      assert.equal((await ask({ path: '/', headers, body: gzipSync(new Uint8Array(100)) })).text, '100');
      assert.equal((await ask({ path: '/', headers, body: gzipSync(new Uint8Array(101)) })).status, 413);
    });

    it('takes no larger body than the server does, whatever the route says', async () => {
      mount(() => text('read'), { bodyLimitBytes: 1_000_000 });
      assert.equal((await ask({ path: '/', body: new Uint8Array(1_001) })).status, 413);
    });

    it('aborts the signal when the peer goes away', async () => {
      const peer = new AbortController();
      const aborted = new Promise<unknown>((resolve) => {
        mount((_request, { signal }) => {
          signal.addEventListener('abort', () => resolve(signal.reason));
          peer.abort();
          return new Promise(() => undefined);
        });
      });
      ask({ path: '/', body: Uint8Array.of(1), signal: peer.signal }).catch(() => undefined);
      const reason = await aborted;
      assert.ok(isVivaceError(reason) ? reason.code === 'CANCELLED' : reason instanceof Error);
    });

    it('finishes what is in flight while it drains', async () => {
      let release: () => void = () => undefined;
      const entered = new Promise<void>((resolve) => {
        mount(async () => {
          resolve();
          await new Promise<void>((go) => (release = go));
          return text('finished');
        });
      });
      const answer = ask({ path: '/' });
      await entered;
      const drained = server.drain(callContext());
      release();
      assert.equal((await answer).text, 'finished');
      await drained;
    });

    it('takes no new connection after draining', async () => {
      mount(() => text('read'));
      const address = server.address();
      await server.drain(callContext());
      const refused =
        address === undefined
          ? ask({ path: '/' }).then(({ status }) => status)
          : sendOverSocket(address, { path: '/' }).then(({ status }) => status);
      assert.equal(await refused.catch(() => 503), 503);
    });

    it('refuses as the route formats it after draining, where it does not listen itself', async () => {
      if (server.address() !== undefined) return;
      mount(() => text('read'), {
        failed: ({ httpStatus, code }) => text(`formatted ${code}`, httpStatus),
      });
      await server.drain(callContext());
      const answer = await ask({ path: '/' });
      assert.deepEqual([answer.status, answer.text], [503, 'formatted UNAVAILABLE']);
    });

    lifecycleContract({
      runner,
      make: () => make({}),
      port: httpServer,
      calls: {
        mount: (started) => started.mount(() => undefined),
        remount: (started) => started.remount([]),
        address: (started) => started.address(),
        probes: (started) => started.probes?.(new SharedArrayBuffer(16)),
        drain: (started, call) => started.drain(call),
      },
    });
  });
}
