import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { VivaceError, type HttpRouter, type HttpServer, type PartContext, type PartLifecycle } from 'vivace';
import { Dispatcher, type Routed } from './dispatcher.js';
import type { ExpressRouter, Middleware } from './express-types.js';
import { checkLength, hasBody, limitsOf, readBody, type BodyLimits } from './read-body.js';

/** Mounted on a router of a team's own application: that application listens, and closes. */
export class MountedServer implements HttpServer, PartLifecycle {
  readonly #dispatcher: Dispatcher;
  readonly #options: BodyLimits & { readonly stopTimeoutMs: number };

  constructor(
    options: BodyLimits & { readonly stopTimeoutMs: number; readonly router: ExpressRouter },
    log: PartContext['log'],
  ) {
    this.#options = options;
    this.#dispatcher = new Dispatcher(
      {
        fillBody: (exchange, request) => this.#fillBody(exchange, request),
        peerOf: (request: ParsedMessage) => request.ip,
      },
      log,
    );
    options.router.use(this.#middleware);
  }

  mount(router: HttpRouter): void {
    this.#dispatcher.mount(router);
  }

  address(): undefined {
    return undefined;
  }

  /** The connections are the application's, which closes them when it closes; here only new requests are refused. */
  drain(): void {
    this.#dispatcher.stopped = true;
  }

  async stop(): Promise<void> {
    this.drain();
    await Promise.race([
      sleep(this.#options.stopTimeoutMs, undefined, { ref: false }),
      this.#dispatcher.idle(),
    ]);
  }

  readonly #middleware: Middleware = (request, response, next) => {
    this.#dispatcher.dispatch(request, response, next);
  };

  #fillBody(exchange: Routed, request: ParsedMessage): void | Promise<void> {
    if (!hasBody(request)) return;
    if (!request.readableDidRead) {
      const limits = limitsOf(exchange.route, this.#options);
      checkLength(request, limits);
      return readBody(request, limits).then((body) => {
        exchange.body = body;
      });
    }
    const { body } = request;
    if (body === undefined) throw consumed();
    if (body instanceof Uint8Array) exchange.body = body;
    else if (typeof body === 'string') exchange.body = Buffer.from(body);
    else exchange.parsedBody = body;
  }
}

/** A request as express and its body parsers leave it. */
interface ParsedMessage extends IncomingMessage {
  readonly body?: unknown;
  readonly ip?: string;
}

function consumed(): VivaceError {
  return new VivaceError(
    'FAILED_PRECONDITION',
    'a middleware of this application has read the body without parsing it: ' +
      'use the router of Vivace before that middleware, or express.json() instead of it',
    { httpStatus: 500 },
  );
}
