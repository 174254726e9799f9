import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  admittedCall,
  errorResponse,
  failureResponse,
  HttpSpan,
  isVivaceError,
  recordExchange,
  VivaceError,
  type Call,
  type HttpExchangeFacts,
  type HttpResponse,
  type HttpRoute,
  type MaybePromise,
  type PartContext,
} from 'vivace';
import { InFlight, MountedRouters } from 'vivace/kit';
import { acceptedEncodings } from 'vivace/wire';
import { compressed } from './compressed.js';
import { Exchange } from './exchange.js';
import { withCaller, type MiddlewareChain } from './middleware-chain.js';
import { headersOf } from './middleware-error.js';
import { hasBody, type BodyLimits } from './read-body.js';
import { silence } from './silence.js';
import { UnsentAnswers, type WriteLimits } from './unsent-answers.js';

export interface DispatchOptions {
  /** Gives the request its body. */
  fillBody(exchange: Routed, request: IncomingMessage, response: ServerResponse): MaybePromise<void>;
  /** Called before middleware sees a request, which may read its body. */
  beforeMiddleware?(request: IncomingMessage, response: ServerResponse): void;
  /** The address of the peer, where it is not that of the socket. */
  peerOf?(request: IncomingMessage): string | undefined;
  /** How a request reached the application that it is mounted in. */
  mountOf?(request: IncomingMessage): Partial<Pick<HttpExchangeFacts, 'scheme' | 'mountedAt' | 'routesAt'>>;
  /** The smallest answer that is compressed for a caller that takes it, bytes; absent: none is. */
  readonly compressFromBytes?: number;
}

/** An exchange that a route answers. */
export type Routed = Exchange & { readonly route: HttpRoute; call: Call };

/** Node's two ends of an exchange. */
interface Messages {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** From node's request to a route, and from its answer to node's response. */
export class Dispatcher {
  /** True from `drain` on: every answer then closes its connection. */
  draining = false;
  /** True once nothing is handed to a route any more. */
  stopped = false;
  /** Runs before every route, where there is any; set before the first router is mounted. */
  middleware: MiddlewareChain | undefined;
  readonly routers = new MountedRouters();
  readonly #bodyLimitBytes: number;
  readonly #options: DispatchOptions;
  readonly #log: PartContext['log'];
  readonly #admission: PartContext['admission'];
  readonly #unsent: UnsentAnswers;
  readonly #open = new InFlight();

  constructor(
    options: DispatchOptions,
    limits: WriteLimits & Pick<BodyLimits, 'bodyLimitBytes'>,
    context: PartContext,
  ) {
    this.#options = options;
    this.#bodyLimitBytes = limits.bodyLimitBytes;
    this.#log = context.log;
    this.#admission = context.admission;
    this.#unsent = new UnsentAnswers(limits, context);
  }

  /** Resolves as soon as no answer is outstanding. */
  idle(): Promise<void> {
    return this.#open.untilIdle();
  }

  /** Counts a response as outstanding until its connection has it. */
  track(response: ServerResponse): void {
    const ended = this.routers.begin();
    this.#open.enter();
    response.on('close', () => {
      ended();
      this.#open.leave();
    });
  }

  /**
   * Answers a request, or calls `next` where no route has its path.
   *
   * @param arrivedAt When its head had arrived, in `performance.now()` milliseconds.
   * @returns The exchange, where Vivace answers.
   */
  dispatch({ request, response }: Messages, arrivedAt: number, next?: () => void): Exchange | undefined {
    const exchange = this.exchange(request, response, arrivedAt);
    const ready = this.routers.size > 0;
    if (ready && exchange.route === undefined && next !== undefined) {
      next();
      return undefined;
    }
    this.track(response);
    this.begin(exchange, { request, response });
    const { span } = exchange;
    if (span === undefined) this.#dispatched(exchange, { request, response }, ready);
    else span.run(() => this.#dispatched(exchange, { request, response }, ready));
    return exchange;
  }

  #dispatched(exchange: Exchange, messages: Messages, ready: boolean): void {
    const { response } = messages;
    if (this.stopped || !ready) this.fail(exchange, response, this.#notReady());
    else if (isRouted(exchange)) void this.#answer(exchange, messages);
    else this.fail(exchange, response, unknownPath(exchange));
  }

  /** A request and the route of its path, where there is one. */
  exchange(request: IncomingMessage, response: ServerResponse, arrivedAt = performance.now()): Exchange {
    const exchange = new Exchange(request, response, { arrivedAt, peer: this.#options.peerOf?.(request) });
    exchange.route = this.routers.find(exchange);
    return exchange;
  }

  /** Begins an exchange that is answered here: its span, where somebody traces, and its call. */
  begin(exchange: Exchange, { request, response }: Messages): void {
    const span = HttpSpan.begin(exchange, () => this.#factsOf(exchange, request));
    exchange.begin(span);
    exchange.onClose = () => {
      const status = response.headersSent ? response.statusCode : undefined;
      span?.end(status);
      const { method, arrivedAt } = exchange;
      recordExchange({ method, status, arrivedAt }, this.#factsOf(exchange, request));
    };
  }

  #factsOf({ route }: Exchange, request: IncomingMessage): HttpExchangeFacts {
    const { httpVersion } = request;
    return {
      route,
      scheme: schemeOf(request),
      protocolVersion: httpVersion === '2.0' ? '2' : httpVersion,
      ...this.#options.mountOf?.(request),
    };
  }

  /** Answers with an error, as the route formats it, unless an answer is on its way already. */
  fail(
    exchange: Exchange,
    response: ServerResponse,
    error: unknown,
    headers: HttpResponse['headers'] = {},
  ): void {
    const { route, call } = exchange;
    exchange.failed = true;
    const failure = failureResponse(error, { head: exchange, route, call, log: this.#log });
    try {
      this.#send(response, { ...failure, headers: { ...headers, ...failure.headers } });
    } catch (fault) {
      // Such as a header that HTTP does not allow.
      this.#log.error('an answer could not be sent', { error: fault, requestId: call?.requestId });
      const requestId = failure.headers['x-request-id'];
      this.#send(response, errorResponse(new VivaceError('INTERNAL', 'internal error'), { requestId }));
    }
  }

  #notReady(): VivaceError {
    const why = this.stopped ? 'the server is stopping' : 'the server is starting';
    return new VivaceError('UNAVAILABLE', why, { retryAfterMs: 1000 });
  }

  async #answer(exchange: Routed, messages: Messages): Promise<void> {
    const { route, arrivedAt } = exchange;
    if (route.admission === false) return this.#admitted(exchange, messages);
    try {
      const deadlineMs = route.deadlineMs?.(exchange);
      this.#admission.enter(deadlineMs === undefined ? undefined : arrivedAt + deadlineMs);
    } catch (error) {
      dropBody(messages.request, this.#bodyLimitBytes);
      this.fail(exchange, messages.response, error);
      return;
    }
    try {
      await this.#admitted(exchange, messages);
    } finally {
      this.#admission.leave();
    }
  }

  async #admitted(exchange: Routed, { request, response }: Messages): Promise<void> {
    const { route } = exchange;
    let ownHeaders = {};
    let isMiddlewares = false;
    try {
      if (this.middleware !== undefined) {
        if (this.draining) response.shouldKeepAlive = false;
        // What it answers itself names the request as well.
        response.setHeader('x-request-id', exchange.call.requestId);
        this.#options.beforeMiddleware?.(request, response);
        try {
          if (!(await this.middleware.run(exchange, request, response))) return;
        } catch (error) {
          isMiddlewares = true;
          ownHeaders = headersOf(error);
          throw error;
        }
      }
      exchange.call = withCaller(exchange.call, request);
      const admitted = admittedCall(route, exchange, exchange.call);
      exchange.call = admitted instanceof Promise ? await unread(request, admitted) : admitted;
      try {
        const filled = this.#options.fillBody(exchange, request, response);
        if (filled !== undefined) await filled;
      } catch (error) {
        if (isVivaceError(error) && error.httpStatus === 415)
          ownHeaders = { 'accept-encoding': acceptedEncodings };
        throw error;
      }
      const turn = route.admission === false ? undefined : this.#admission.turn();
      if (turn !== undefined) await turn;
      const handled = route.handle(exchange, exchange.call);
      const answer = handled instanceof Promise ? await handled : handled;
      const sent = compressed(answer, exchange, this.#options.compressFromBytes);
      this.#send(response, sent instanceof Promise ? await sent : sent);
    } catch (error) {
      // A body cut short by its sender: the connection is gone, and with it everybody who could read an answer.
      if (request.destroyed && !request.complete) return;
      this.fail(exchange, response, error, ownHeaders);
      if (!isMiddlewares) return;
      // An answer that the middleware began and cannot end is cut, so that nobody waits for the rest.
      if (!response.writableEnded) response.destroy();
      // Whatever it does later would meet a response that is sent, and end the process.
      silence(response);
    }
  }

  #send(response: ServerResponse, { status, headers, body }: HttpResponse): void {
    if (response.headersSent || response.destroyed) return;
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
    if (this.draining) response.shouldKeepAlive = false;
    response.writeHead(
      status,
      status === 204 || status === 304 ? headers : { ...headers, 'content-length': length },
    );
    response.end(body);
    this.#unsent.watch(response, length);
  }
}

function schemeOf({ socket }: IncomingMessage): 'http' | 'https' {
  return 'encrypted' in socket && socket.encrypted === true ? 'https' : 'http';
}

function isRouted(exchange: Exchange): exchange is Routed {
  return exchange.route !== undefined;
}

function unknownPath({ method, path }: Exchange): VivaceError {
  return new VivaceError('NOT_FOUND', `nothing answers ${method} ${path}`);
}

/** Lets the peer finish sending a body that nobody reads, so that it can read the answer; above the limit the connection is cut. */
function dropBody(request: IncomingMessage, limitBytes: number): void {
  if (request.complete || !hasBody(request)) return;
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > limitBytes) request.destroy();
  });
  // The peer may leave.
  request.on('error', () => undefined);
}

/** Waits, and reads nothing of the body meanwhile: node would read ahead. */
async function unread<T>(request: IncomingMessage, pending: Promise<T>): Promise<T> {
  // The socket of HTTP/2 is shared, and has flow control of its own.
  if (request.complete || request.httpVersionMajor !== 1 || !hasBody(request)) return pending;
  const { socket } = request;
  socket.pause();
  try {
    return await pending;
  } finally {
    socket.resume();
  }
}
