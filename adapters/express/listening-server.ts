import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type AddressInfo, type Socket } from 'node:net';
import { randomUUID } from 'node:crypto';
import {
  errorResponse,
  requestIdOf,
  VivaceError,
  type HttpRequestHead,
  type HttpRouter,
  type HttpServer,
  type PartContext,
  type PartLifecycle,
} from 'vivace';
import { pause } from 'vivace/kit';
import { answerRaw, onClientError, type LastRequest } from './client-errors.js';
import { Dispatcher } from './dispatcher.js';
import { messageClasses } from './express-messages.js';
import type { ExpressApplication } from './express-types.js';
import { HeldBytes } from './held-bytes.js';
import { listenError } from './listen-error.js';
import { InOrder } from './in-order.js';
import type { ExpressOptions } from './options.js';
import { MiddlewareChain } from './middleware-chain.js';
import { Probes } from './probes.js';
import { fillBody } from './read-body.js';

/** Listens on a port of its own; an express application, where there is one, gets what Vivace does not take. */
export class ListeningServer implements HttpServer, PartLifecycle {
  readonly #options: ExpressOptions;
  readonly #context: PartContext;
  readonly #log: PartContext['log'];
  readonly #dispatcher: Dispatcher;
  readonly #server: Server;
  readonly #last = new WeakMap<object, LastRequest>();
  readonly #order = new InOrder();
  /** Requests whose sender waits for leave to send the body, and whether the connection may be used again after that. */
  readonly #waiting = new WeakMap<IncomingMessage, boolean>();
  #closed: Promise<void> | undefined;
  /** Whose socket it listens on, from its first router on. */
  #former: ListeningServer | undefined;
  #isReplaced = false;
  readonly supports: { readonly exclusive?: string };
  #probes: Probes | undefined;

  constructor(options: ExpressOptions, context: PartContext) {
    this.#options = options;
    this.#context = context;
    this.#log = context.log;
    const { app, headersTimeoutMs, requestTimeoutMs, port } = options;
    const held = new HeldBytes(options.maxBufferedBytes);
    // On any address: one for all interfaces and one for a single interface exclude each other.
    this.supports = port === 0 ? {} : { exclusive: `port ${port}` };
    this.#dispatcher = new Dispatcher(
      {
        fillBody: (exchange, request, response) =>
          fillBody(exchange, request, {
            limits: options,
            held,
            beforeReading: () => this.#sendContinue(request, response),
          }),
        beforeMiddleware: (request, response) => {
          if (this.#waiting.has(request)) onceRead(request, () => this.#sendContinue(request, response));
        },
        ...(options.compressFromBytes === 0 ? {} : { compressFromBytes: options.compressFromBytes }),
      },
      options,
      context,
    );
    this.#server = createServer({
      ...(app === undefined ? {} : messageClasses(app)),
      maxHeaderSize: options.headerLimitBytes,
      headersTimeout: Math.min(headersTimeoutMs, requestTimeoutMs),
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: options.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.min(headersTimeoutMs, requestTimeoutMs, 5_000),
      requireHostHeader: false,
      noDelay: true,
    });
    if (options.maxConnections !== undefined) this.#server.maxConnections = options.maxConnections;
    this.#listenToEvents();
  }

  async start(): Promise<void> {
    const { port, host, probes } = this.#options;
    const former = this.#former === undefined ? undefined : this.#former.#probes;
    if (probes !== undefined && former?.isFor(probes) !== true)
      this.#probes = await Probes.listen({ ...probes, host: probes.host ?? host }, this.#context);
    this.#dispatcher.middleware = await MiddlewareChain.load(this.#options, this.#context);
    if (this.#former === undefined)
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', (cause) => reject(listenError(cause, { port, host })));
        this.#server.listen({ port, host }, resolve);
      });
    this.#closed = new Promise((resolve) => this.#server.once('close', resolve));
  }

  takeOver(former: PartLifecycle): boolean {
    if (!(former instanceof ListeningServer)) return false;
    const { port, host } = former.#options;
    if (port !== this.#options.port || host !== this.#options.host) return false;
    this.#former = former;
    return true;
  }

  mount(router: HttpRouter): void {
    this.#dispatcher.routers.mount(router);
    this.#listenInstead();
  }

  async remount(routers: readonly HttpRouter[]): Promise<void> {
    const ended = this.#dispatcher.routers.remount(routers);
    this.#listenInstead();
    await ended;
  }

  /** Takes the listening socket, with the connections that wait to be accepted, from the server before. */
  #listenInstead(): void {
    const former = this.#former;
    if (former === undefined) return;
    this.#former = undefined;
    if (this.#options.probes !== undefined && this.#probes === undefined) {
      this.#probes = former.#probes;
      former.#probes = undefined;
    }
    this.#server.listen(former.#server);
    // Otherwise closing the former server would close the socket.
    (former.#server as { _handle?: unknown })._handle = null;
    former.#isReplaced = true;
  }

  probes(memory: SharedArrayBuffer): string | undefined {
    this.#probes?.read(memory);
    return this.#probes?.address;
  }

  address(): string | undefined {
    const listening = this.#former === undefined ? this.#server : this.#former.#server;
    const address = listening.address() as AddressInfo | null;
    if (address === null) return undefined;
    return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
  }

  async drain({ signal }: { signal: AbortSignal }): Promise<void> {
    this.#dispatcher.draining = true;
    // http.Server's own close would cut idle connections at once, even those on which a request is just arriving.
    NetServer.prototype.close.call(this.#server);
    // A peer may send on an idle connection in the moment in which it is closed. Where another server listens in place of this one, there is
    // time to let each connection end with its next answer.
    const { drainIdleMs, keepAliveTimeoutMs } = this.#options;
    const grace = pause(this.#isReplaced ? keepAliveTimeoutMs : drainIdleMs, { signal });
    await Promise.race([grace, this.#closed]);
    this.#server.closeIdleConnections();
  }

  async stop(): Promise<void> {
    try {
      await this.#stopListening();
    } finally {
      await this.#probes?.stop();
    }
  }

  async #stopListening(): Promise<void> {
    if (this.#closed === undefined) return;
    if (this.#former !== undefined) return;
    this.#dispatcher.draining = true;
    this.#dispatcher.stopped = true;
    this.#server.close();
    const patience = pause(this.#options.stopTimeoutMs);
    await Promise.race([patience, this.#dispatcher.idle()]);
    this.#server.closeAllConnections();
    await this.#closed;
  }

  #listenToEvents(): void {
    const server = this.#server;
    // Such as a connection that could not be accepted for want of file handles: without a listener it would end the process.
    server.on('error', (error) => {
      if (server.listening) this.#log.error('the HTTP server had an error', { error });
    });
    server.on('request', (request, response) => this.#onRequest(request, response));
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      // A peer that is refused without leave to send the body may or may not send it: the connection could not be used again.
      this.#waiting.set(request, response.shouldKeepAlive);
      response.shouldKeepAlive = false;
      this.#onRequest(request, response);
    });
    server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      this.#refuse(request, response, {
        status: 417,
        message: `"Expect: ${request.headers.expect ?? ''}" is not supported`,
      });
    });
    server.on('clientError', (error, socket) =>
      onClientError(error, socket, {
        last: this.#last.get(socket),
        fail: (exchange, response, mistake) => this.#dispatcher.fail(exchange, response, mistake),
      }),
    );
    server.on('connect', ({ headers }: IncomingMessage, socket: Socket) => {
      const mistake = new VivaceError('INVALID_ARGUMENT', 'CONNECT is for proxies', { httpStatus: 405 });
      const requestId = requestIdOf(headers as HttpRequestHead['headers']) ?? randomUUID();
      answerRaw(
        socket,
        errorResponse(mistake, { requestId, headers: { allow: 'GET, HEAD, POST' } }),
        'CONNECT',
      );
    });
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    if (request.headers.host === undefined && request.httpVersion === '1.1') {
      this.#refuse(request, response, { status: 400, message: 'the Host header is missing' });
      return;
    }
    const arrivedAt = performance.now();
    const last: LastRequest = { request, response, waits: true };
    this.#last.set(request.socket, last);
    this.#order.run(request, response, () => this.#begin(last, arrivedAt));
  }

  #begin(last: LastRequest, arrivedAt: number): void {
    const { request, response, mistake } = last;
    last.waits = false;
    const { app } = this.#options;
    const next =
      app === undefined || this.#dispatcher.stopped
        ? undefined
        : (): void => this.#handOn(app, request, response);
    if (mistake === undefined)
      last.exchange = this.#dispatcher.dispatch({ request, response }, arrivedAt, next);
    else this.#fail(request, response, mistake);
  }

  #handOn(app: ExpressApplication, request: IncomingMessage, response: ServerResponse): void {
    this.#dispatcher.track(response);
    this.#sendContinue(request, response);
    if (this.#dispatcher.draining) response.shouldKeepAlive = false;
    app(request, response);
  }

  #sendContinue(request: IncomingMessage, response: ServerResponse): void {
    const keepAlive = this.#waiting.get(request);
    if (keepAlive === undefined) return;
    this.#waiting.delete(request);
    response.shouldKeepAlive = keepAlive;
    response.writeContinue();
  }

  #refuse(
    request: IncomingMessage,
    response: ServerResponse,
    { status, message }: { status: number; message: string },
  ): void {
    response.shouldKeepAlive = false;
    this.#fail(request, response, new VivaceError('INVALID_ARGUMENT', message, { httpStatus: status }));
  }

  #fail(request: IncomingMessage, response: ServerResponse, error: VivaceError): void {
    const exchange = this.#dispatcher.exchange(request, response);
    this.#dispatcher.begin(exchange, { request, response });
    this.#dispatcher.fail(exchange, response, error);
  }
}

/** Calls `use` as soon as somebody begins to read a request. */
function onceRead(request: IncomingMessage, use: () => void): void {
  const onListener = (event: string | symbol): void => {
    if (event !== 'data' && event !== 'readable') return;
    request.off('newListener', onListener);
    use();
  };
  request.on('newListener', onListener);
}
