import assert from 'node:assert/strict';
import { abortError, errorCodes, VivaceError, type ErrorCode } from '../kernel/errors.js';
import type { RunningPart } from '../parts/create-part.js';
import { httpServer, type HttpServer } from '../ports/http-server.js';
import { transport, type Planes } from '../ports/transport.js';
import { lifecycleContract } from './lifecycle-contract.js';
import type { Runner } from './runner.js';
import { sendOverSocket, type SentRequest, type SentResponse } from './send-over-socket.js';
import { echoed, planes } from './planes.js';
import { callContext } from './start-part.js';

/** What the contract needs to know of a transport over HTTP. */
export interface TransportSetup {
  readonly runner: Runner;
  /** Makes the transport over a server that has started; it is not started itself. */
  readonly make: (server: HttpServer) => RunningPart | Promise<RunningPart>;
  /** Makes an HTTP server, not started; one that listens does so on a free port. */
  readonly makeServer: () => RunningPart | Promise<RunningPart>;
  /** Sends a request to a server that does not listen; others are asked at their `address()`. */
  readonly send?: (server: HttpServer, request: SentRequest) => Promise<SentResponse>;
  /** A request that is answered by what `pipelines.predict` (of the pipeline `echo`) or `scrape` resolves to. */
  readonly request: SentRequest;
  /** Reads an error in the format of the protocol; default: JSON `{code, message, requestId}`. */
  readonly readError?: (answer: SentResponse) => AnsweredError;
}

/** An error as a protocol says it. */
export interface AnsweredError {
  readonly message: string;
  /** Absent in a protocol that has no codes: the HTTP status then says what it is. */
  readonly code?: string;
  readonly requestId?: string | undefined;
}

const answered = 'what the server answered';

/** A server whose calls end as `work` does. */
const working = (work: (signal: AbortSignal) => Promise<void>): Planes =>
  planes({
    pipelines: {
      predict: async (_pipeline, _input, { requestId, signal }) => {
        await work(signal);
        return echoed(requestId, answered);
      },
    },
    control: {
      scrape: async ({ signal }) => {
        await work(signal);
        return { contentType: 'text/plain', body: answered };
      },
    },
  });

/** What every `Transport` over HTTP promises. */
export function transportContract({
  runner,
  make,
  makeServer,
  send,
  request,
  readError = (answer) => JSON.parse(answer.text) as AnsweredError,
}: TransportSetup): void {
  const { describe, it, beforeEach, afterEach } = runner;
  describe('Transport contract', () => {
    const servers: RunningPart[] = [];
    const startServer = async (): Promise<HttpServer> => {
      const part = await makeServer();
      servers.push(part);
      await part.start(callContext());
      return part.face(httpServer);
    };
    afterEach(async () => {
      await Promise.all(servers.splice(0).map((part) => part.stop()));
    });

    describe('over a server', () => {
      let part: RunningPart;
      let server: HttpServer;
      let address: string | undefined;
      beforeEach(async () => {
        server = await startServer();
        address = undefined;
        part = await make(server);
        await part.start(callContext());
      });
      afterEach(() => part.stop());

      const serve = async (served: Planes): Promise<void> =>
        part.face(transport).serve(served, callContext());
      const ask = (more: Partial<SentRequest> = {}): Promise<SentResponse> => {
        const sent = { ...request, ...more, headers: { ...request.headers, ...more.headers } };
        // A server that drains no longer has an address.
        address ??= server.address();
        if (address !== undefined) return sendOverSocket(address, sent);
        assert.ok(send, 'the contract needs `send` for a server that does not listen');
        return send(server, sent);
      };
      /** What is answered where a call ends with `error`. */
      const askFailing = async (error: Error): Promise<SentResponse> => {
        const fail = async (): Promise<void> => {
          throw error;
        };
        await serve(working(fail));
        return ask({ headers: { 'x-request-id': 'r-1' } });
      };

      it('answers nobody before it serves', async () => {
        assert.equal((await ask()).status, 503);
      });

      it('answers with what the server answers, asking it once', async () => {
        let calls = 0;
        await serve(working(async () => void calls++));
        const answer = await ask();
        assert.equal(answer.status, 200);
        assert.ok(answer.text.includes(answered));
        assert.equal(calls, 1);
      });

      it('answers callers that come at the same time', async () => {
        await serve(working(async () => undefined));
        const answers = await Promise.all(Array.from({ length: 20 }, () => ask()));
        assert.ok(answers.every(({ status }) => status === 200));
      });

      it('leaves to others what is not its own', async () => {
        await serve(planes());
        server.mount(({ path }) =>
          path === '/of/another'
            ? { handle: () => ({ status: 200, headers: {}, body: 'another' }) }
            : undefined,
        );
        assert.equal((await ask({ method: 'GET', path: '/of/another' })).text, 'another');
      });

      it('refuses a method that a path of its own does not take, and names those it takes', async () => {
        await serve(planes());
        const answer = await ask({ method: 'DELETE' });
        assert.equal(answer.status, 405);
        assert.match(answer.headers['allow'] ?? '', /GET|POST/);
        assert.equal(readError(answer).code ?? 'INVALID_ARGUMENT', 'INVALID_ARGUMENT');
        assert.notEqual(readError(answer).message, '');
      });

      const codes = Object.keys(errorCodes).filter((code) => code !== 'INVALID_CONFIG') as ErrorCode[];
      for (const code of codes) {
        it(`answers ${code} as JSON, with its HTTP status and the request's id`, async () => {
          const answer = await askFailing(new VivaceError(code, 'as the test asked'));
          assert.equal(answer.status, errorCodes[code].http);
          assert.equal(answer.headers['content-type'], 'application/json');
          const error = readError(answer);
          assert.deepEqual([error.code ?? code, error.requestId], [code, 'r-1']);
          assert.equal(error.message, code === 'INTERNAL' ? 'internal error' : 'as the test asked');
        });
      }

      it('says how long to wait, where the error does', async () => {
        const error = new VivaceError('UNAVAILABLE', 'as the test asked', { retryAfterMs: 2_500 });
        assert.equal((await askFailing(error)).headers['retry-after'], '3');
      });

      it('answers an error it does not know as INTERNAL, and repeats nothing of it', async () => {
        const answer = await askFailing(new TypeError('the password is 1234'));
        assert.equal(answer.status, 500);
        assert.equal(readError(answer).code ?? 'INTERNAL', 'INTERNAL');
        assert.equal(readError(answer).message, 'internal error');
        assert.ok(!answer.text.includes('1234') && !answer.text.includes('TypeError'));
      });

      it('tells the server when a caller leaves', async () => {
        const leaving = new AbortController();
        let left: (told: boolean) => void;
        const told = new Promise<boolean>((resolve) => (left = resolve));
        await serve(
          working(async (signal) => {
            leaving.abort();
            if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
            left(signal.aborted);
            throw abortError(signal);
          }),
        );
        await ask({ signal: leaving.signal }).catch(() => undefined);
        assert.equal(await told, true);
      });

      it('finishes what it began while the server drains, and begins nothing new', async () => {
        let go: () => void = () => undefined;
        const held = new Promise<void>((resolve) => (go = resolve));
        let first: Promise<SentResponse> | undefined;
        await new Promise<void>((begun, failed) => {
          const served = working(async () => {
            begun();
            await held;
          });
          serve(served).then(() => (first = ask()), failed);
        });
        const draining = Promise.resolve(server.drain(callContext()));
        const second = await ask().catch(() => undefined);
        assert.ok(second === undefined || second.status === 503);
        go();
        assert.equal((await first)?.status, 200);
        await draining;
      });
    });

    lifecycleContract({
      runner,
      make: async () => make(await startServer()),
      port: transport,
      calls: { serve: (started, call) => started.serve(planes(), call) },
    });
  });
}
