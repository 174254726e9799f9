import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  errorResponse,
  isVivaceError,
  requestIdOf,
  VivaceError,
  type HttpHandler,
  type HttpResponse,
  type HttpRouter,
  type PartContext,
} from 'vivace';
import { acceptedEncodings } from 'vivace/wire';
import { Exchange } from './exchange.js';

export interface DispatchOptions {
  /** Gives the request its body. */
  fillBody(exchange: Exchange, request: IncomingMessage, response: ServerResponse): void | Promise<void>;
}

/** From node's request to a handler, and from its answer to node's response. */
export class Dispatcher {
  /** True from `drain` on: every answer then closes its connection. */
  draining = false;
  /** True once nothing is handed to a handler any more. */
  stopped = false;
  readonly #routers: HttpRouter[] = [];
  readonly #options: DispatchOptions;
  readonly #log: PartContext['log'];
  #open = 0;
  #idle: (() => void) | undefined;

  constructor(options: DispatchOptions, log: PartContext['log']) {
    this.#options = options;
    this.#log = log;
  }

  mount(router: HttpRouter): void {
    this.#routers.push(router);
  }

  /** Resolves as soon as no answer is outstanding. */
  async idle(): Promise<void> {
    if (this.#open > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  /** Counts a response as outstanding until its connection has it. */
  track(response: ServerResponse): void {
    this.#open++;
    response.on('close', () => {
      if (--this.#open === 0) this.#idle?.();
    });
  }

  /**
   * Answers a request, or calls `next` where its path is nobody's.
   *
   * @returns True where Vivace answers.
   */
  dispatch(request: IncomingMessage, response: ServerResponse, next?: () => void): boolean {
    const exchange = new Exchange(request, response);
    const ready = !this.stopped && this.#routers.length > 0;
    const handler = ready ? this.#find(exchange) : undefined;
    if (ready && handler === undefined && next !== undefined) {
      next();
      return false;
    }
    this.track(response);
    if (handler !== undefined) void this.#answer(handler, exchange, { request, response });
    else this.fail(exchange, response, ready ? unknownPath(exchange) : this.#notReady());
    return true;
  }

  /** Answers with an error, unless an answer is on its way already. */
  fail(exchange: Pick<Exchange, 'headers'>, response: ServerResponse, error: VivaceError): void {
    if (response.headersSent || response.destroyed) return;
    const headers = error.httpStatus === 415 ? { 'accept-encoding': acceptedEncodings } : {};
    this.#send(response, errorResponse(error, { requestId: requestIdOf(exchange.headers), headers }));
  }

  #notReady(): VivaceError {
    const why = this.stopped ? 'the server is stopping' : 'the server is starting';
    return new VivaceError('UNAVAILABLE', why, { retryAfterMs: 1000 });
  }

  #find(exchange: Exchange): HttpHandler | undefined {
    for (const router of this.#routers) {
      const handler = router(exchange);
      if (handler !== undefined) return handler;
    }
    return undefined;
  }

  async #answer(
    handler: HttpHandler,
    exchange: Exchange,
    { request, response }: { request: IncomingMessage; response: ServerResponse },
  ): Promise<void> {
    try {
      const filled = this.#options.fillBody(exchange, request, response);
      if (filled !== undefined) await filled;
      const answer = handler(exchange);
      this.#send(response, answer instanceof Promise ? await answer : answer);
    } catch (error) {
      // A body cut short by its sender: the connection is gone, and with it everybody who could read an answer.
      if (request.destroyed && !request.complete) return;
      if (!isVivaceError(error) || error.httpStatus === 500) {
        this.#log.error('a request failed', { error, requestId: requestIdOf(exchange.headers) });
      }
      this.fail(
        exchange,
        response,
        isVivaceError(error) ? error : new VivaceError('INTERNAL', 'internal error'),
      );
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
  }
}

function unknownPath({ method, path }: Exchange): VivaceError {
  return new VivaceError('NOT_FOUND', `nothing answers ${method} ${path}`);
}
