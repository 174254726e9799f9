import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import { VivaceError, type Call, type Caller, type Counter, type PartContext } from 'vivace';
import { startTimer } from 'vivace/kit';
import { isAnswered, type Exchange } from './exchange.js';
import type { ExpressApplication, Middleware, MiddlewareRequest } from './express-types.js';
import { loadMiddleware } from './load-middleware.js';
import { middlewareError } from './middleware-error.js';

/** How an exchange ended when middleware did not let it go on. */
type Outcome = 'answered' | 'failed' | 'late';

export interface MiddlewareOptions {
  /** Functions, and relative paths of modules whose default export is one. */
  readonly middleware: readonly (string | Middleware)[];
  readonly middlewareTimeoutMs: number;
  /** Whose requests the middleware sees; `undefined` makes one, or, with `hosted`, leaves the requests as they are. */
  readonly app?: ExpressApplication | undefined;
  /** True where the team's own application has already prepared each request. */
  readonly hosted?: boolean;
}

type Handle = (request: IncomingMessage, response: ServerResponse, done: (error?: unknown) => void) => void;

/** Express middleware in front of the routes of one part. */
export class MiddlewareChain {
  readonly #handle: Handle;
  readonly #app: ExpressApplication | undefined;
  readonly #timeoutMs: number;
  readonly #log: PartContext['log'];
  readonly #ended: Counter;

  private constructor(
    handle: Handle,
    { app, middlewareTimeoutMs }: MiddlewareOptions,
    context: Pick<PartContext, 'log' | 'counter'>,
  ) {
    this.#handle = handle;
    this.#app = app;
    this.#timeoutMs = middlewareTimeoutMs;
    this.#log = context.log;
    this.#ended = context.counter('middleware.exchanges', {
      unit: '{exchange}',
      description: 'Exchanges that middleware ended: it answered, failed, or did not call next in time',
    });
  }

  /**
   * Loads the modules and makes the chain; `undefined` where there is no middleware.
   *
   * @throws {VivaceError} `INVALID_CONFIG`, with the path of a module that is not there, does not load or exports no function.
   */
  static async load(options: MiddlewareOptions, context: PartContext): Promise<MiddlewareChain | undefined> {
    if (options.middleware.length === 0) return undefined;
    const functions = await loadMiddleware(options.middleware, context.directory);
    const { default: express } = await import('express');
    const router = express.Router();
    for (const each of functions) router.use(each as RequestHandler);
    const app = options.app ?? (options.hosted === true ? undefined : plainApplication(express()));
    return new MiddlewareChain(router as unknown as Handle, { ...options, app }, context);
  }

  /**
   * Lets the middleware look at an exchange.
   *
   * @returns True where it goes on; false where the middleware has answered, or the peer has left.
   * @throws What the middleware throws or gives to `next`, and `DEADLINE_EXCEEDED`, as a `VivaceError`.
   */
  run(exchange: Exchange, request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    this.#dress(request, response);
    return new Promise((resolve, reject) => {
      let isSettled = false;
      const settle = (): boolean => {
        if (isSettled) return false;
        clearTimeout(timer);
        response.off('close', onClose);
        return (isSettled = true);
      };
      const end = (outcome: Outcome): void => this.#ended.add(1, { 'vivace.outcome': outcome });
      const onClose = (): void => {
        if (!settle()) return;
        // Where the peer left, or the server itself answered, such as with 408, the middleware did not answer.
        if (isAnswered(response) && !exchange.failed) end('answered');
        resolve(false);
      };
      const onLate = (): void => {
        if (!settle()) return;
        if (response.headersSent) {
          end('answered');
          return resolve(false);
        }
        end('late');
        const message = `the middleware neither answered nor called next within ${this.#timeoutMs} ms`;
        reject(new VivaceError('DEADLINE_EXCEEDED', message));
      };
      const timer = startTimer(onLate, this.#timeoutMs);
      response.once('close', onClose);
      this.#handle(request, response, (error) => {
        if (!settle()) {
          if (error !== undefined && error !== null)
            this.#log.error('middleware failed after it answered', { error });
        } else if (error === undefined || error === null) {
          // It was answered before it went on: the route would work for nobody.
          if (response.headersSent) end('answered');
          resolve(!response.headersSent);
        } else {
          end('failed');
          reject(middlewareError(error));
        }
      });
    });
  }

  /** Gives the messages what express gives them before it calls middleware. */
  #dress(request: IncomingMessage, response: ServerResponse): void {
    const app = this.#app;
    if (app === undefined) return;
    if (Object.getPrototypeOf(request) !== app.request) {
      Object.setPrototypeOf(request, app.request);
      Object.setPrototypeOf(response, app.response);
    }
    const dressed = request as MiddlewareRequest;
    dressed.res = response;
    (response as { locals?: object }).locals ??= Object.create(null) as object;
  }
}

/** The call, with the caller that middleware has found. */
export function withCaller(call: Call, request: IncomingMessage): Call {
  const caller = (request as MiddlewareRequest).vivace?.caller;
  if (caller === undefined) return call;
  if (typeof (caller as Partial<Caller> | null)?.id !== 'string')
    throw new VivaceError('INTERNAL', 'request.vivace.caller must have an id that is a string');
  return call.derive({ caller });
}

function plainApplication(
  app: ExpressApplication & { disable(setting: string): unknown },
): ExpressApplication {
  app.disable('x-powered-by');
  return app;
}
