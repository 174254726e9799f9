import assert from 'node:assert/strict';
import { setImmediate as tick } from 'node:timers/promises';
import { VivaceError } from '../kernel/errors.js';
import type { HttpRequestHead, HttpResponse, HttpRoute, HttpServer } from '../ports/http-server.js';
import { recordHistograms } from './recorded-metrics.js';
import type { Runner } from './runner.js';
import type { SentRequest, SentResponse } from './send-over-socket.js';
import type { TestAdmission } from './test-admission.js';

/** The server of one case, and how to ask it. */
export interface TestedServer {
  readonly server: HttpServer;
  /** What the server asks before it takes a call. */
  readonly admission: TestAdmission;
  readonly ask: (request: SentRequest) => Promise<SentResponse>;
  /** Mounts a route for every path. */
  readonly mount: (handle: HttpRoute['handle'], more?: Partial<HttpRoute>) => void;
  readonly errorOf: (answer: SentResponse) => { code: string; message: string; requestId?: string };
}

const text = (body: string, status = 200): HttpResponse => ({
  status,
  headers: { 'content-type': 'text/plain' },
  body,
});

/**
 * What every `HttpServer` promises of calls that it takes or refuses, and of what it records.
 *
 * @param tested Called within each case, for the server of that case.
 */
export function loadCases({ it }: Runner, tested: () => TestedServer): void {
  it('asks admission as soon as the head is there, with the deadline that the route knows, and lets the call go once it is answered', async () => {
    const { admission, ask, mount } = tested();
    const steps: string[] = [];
    admission.note = (what) => void steps.push(what);
    let head: HttpRequestHead | undefined;
    let arrivedAt = 0;
    mount(
      (_request, call) => {
        steps.push('handle');
        arrivedAt = call.arrivedAt;
        return text('yes');
      },
      {
        deadlineMs: (given) => {
          head = given;
          return 250;
        },
        admit: (_head, call) => {
          steps.push('admit');
          return call;
        },
      },
    );
    assert.equal((await ask({ path: '/a', body: Uint8Array.of(1) })).text, 'yes');
    await admission.idle();
    assert.deepEqual(steps, ['enter', 'admit', 'turn', 'handle', 'leave']);
    assert.equal(head?.path, '/a');
    assert.equal(admission.deadline, arrivedAt + 250);
  });

  it('answers a call that admission refuses with 503 and Retry-After, as the route formats it, and does nothing else for it', async () => {
    const { admission, ask, mount, errorOf } = tested();
    let handled = 0;
    const count: NonNullable<HttpRoute['admit']> = (_head, call) => (handled++, call);
    mount(() => text(String(++handled)), { admit: count });
    admission.refuse = true;
    const plain = await ask({
      path: '/',
      body: new Uint8Array(900),
      headers: { 'x-request-id': 'mine-6' },
    });
    assert.deepEqual([plain.status, plain.headers['retry-after']], [503, '3']);
    assert.deepEqual([errorOf(plain).code, errorOf(plain).requestId], ['RESOURCE_EXHAUSTED', 'mine-6']);
    // What it would refuse anyway is refused for the same reason, and costs no more.
    assert.equal((await ask({ path: '/', body: new Uint8Array(1_001) })).status, 503);
    assert.deepEqual([handled, admission.inFlight], [0, 0]);
    admission.refuse = false;
    assert.equal((await ask({ path: '/', body: new Uint8Array(1) })).text, '2');
  });

  it('formats a refusal of admission as the route does', async () => {
    const { admission, ask, mount } = tested();
    mount(() => text('read'), { failed: ({ code, httpStatus }) => text(`mine ${code}`, httpStatus) });
    admission.refuse = true;
    const answer = await ask({ path: '/' });
    assert.deepEqual([answer.status, answer.text], [503, 'mine RESOURCE_EXHAUSTED']);
    assert.ok(answer.headers['x-request-id']);
  });

  it('answers routes without admission however much there is to do', async () => {
    const { admission, ask, mount } = tested();
    mount(() => text('alive'), { admission: false });
    admission.refuse = true;
    assert.equal((await ask({ path: '/' })).text, 'alive');
    assert.equal(admission.asked, 0);
  });

  it('lets a call go whichever way it ends', async () => {
    const { admission, ask, mount } = tested();
    mount(
      ({ path }) => {
        if (path === '/fails') throw new Error('as the test asked');
        return Promise.reject(new VivaceError('ABORTED', 'as the test asked'));
      },
      {
        admit: ({ path }, call) => {
          if (path === '/refused') throw new VivaceError('PERMISSION_DENIED', 'not you');
          return call;
        },
      },
    );
    for (const path of ['/fails', '/rejects', '/refused', '/large'])
      await ask({ path, body: new Uint8Array(path === '/large' ? 1_001 : 1) });
    await admission.idle();
    assert.equal(admission.asked, 4);
  });

  it('waits for the turn of a call before it hands it over', async () => {
    const { admission, ask, mount } = tested();
    let give: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => {
      admission.turns = () => {
        resolve();
        return new Promise((go) => (give = go));
      };
    });
    let handled = 0;
    mount(() => text(String(++handled)));
    const answer = ask({ path: '/' });
    await asked;
    await tick();
    assert.equal(handled, 0);
    give();
    assert.equal((await answer).text, '1');
  });

  it('names the request in every error, in the body and in x-request-id', async () => {
    const { admission, ask, mount, errorOf } = tested();
    const identified = async (request: SentRequest, status: number): Promise<void> => {
      const answer = await ask(request);
      const { requestId } = errorOf(answer);
      assert.equal(answer.status, status);
      assert.match(requestId ?? '', /^[0-9a-f-]{36}$/);
      assert.equal(answer.headers['x-request-id'], requestId);
    };
    await identified({ path: '/early' }, 503);
    mount(({ path }) => {
      if (path === '/fails') throw new Error('secret');
      throw new VivaceError('NOT_FOUND', 'no such thing');
    });
    await identified({ path: '/fails' }, 500);
    await identified({ path: '/missing' }, 404);
    await identified({ path: '/large', body: new Uint8Array(1_001) }, 413);
    await identified(
      { path: '/coding', headers: { 'content-encoding': 'pack200' }, body: Uint8Array.of(1) },
      415,
    );
    admission.refuse = true;
    await identified({ path: '/refused' }, 503);
  });

  it('records every exchange in http.server.request.duration, with method, route and status', async () => {
    const { server, admission, ask } = tested();
    await recordHistograms(async (values) => {
      const recorded = async (request: SentRequest): Promise<unknown[]> => {
        const before = values.length;
        await ask(request);
        while (values.length === before) await tick();
        const [{ name, value, attributes }] = values.slice(before) as [(typeof values)[0]];
        assert.equal(values.length, before + 1);
        assert.equal(name, 'http.server.request.duration');
        assert.ok(value >= 0 && value < 60, String(value));
        const { 'http.request.method': method, 'http.route': route } = attributes;
        return [
          method,
          typeof route === 'string' && route.endsWith('/things/{thing}'),
          attributes['http.response.status_code'],
          attributes['error.type'],
        ];
      };
      assert.deepEqual(await recorded({ path: '/early' }), ['GET', false, 503, '503']);
      const handle: HttpRoute['handle'] = ({ path }) => {
        if (path === '/things/broken') throw new Error('secret');
        return text('yes');
      };
      server.mount(({ path }) =>
        path.startsWith('/things/')
          ? { handle, template: '/things/{thing}' }
          : path === '/quiet'
            ? { handle, quiet: true }
            : undefined,
      );
      const at = '/things/1';
      assert.deepEqual(await recorded({ path: at }), ['GET', true, 200, undefined]);
      assert.deepEqual(await recorded({ path: at, method: 'DELETE' }), ['DELETE', true, 200, undefined]);
      assert.deepEqual(await recorded({ path: '/things/broken' }), ['GET', true, 500, '500']);
      assert.deepEqual(await recorded({ path: '/quiet' }), ['GET', false, 200, undefined]);
      assert.deepEqual(await recorded({ path: at, body: new Uint8Array(1_001) }), [
        'POST',
        true,
        413,
        undefined,
      ]);
      const packed = { headers: { 'content-encoding': 'pack200' }, body: Uint8Array.of(1) };
      assert.deepEqual(await recorded({ path: at, ...packed }), ['POST', true, 415, undefined]);
      admission.refuse = true;
      assert.deepEqual(await recorded({ path: at }), ['GET', true, 503, '503']);
    });
  });
}
