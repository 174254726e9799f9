import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Caller } from 'vivace';

/** A middleware as express calls it; it may be asynchronous. */
export type Middleware = (request: never, response: never, next: (error?: unknown) => void) => unknown;

/** A request as middleware may leave it. */
export interface MiddlewareRequest extends IncomingMessage {
  /** Who calls, for `Call.caller`. */
  vivace?: { readonly caller?: Caller };
  res?: ServerResponse;
}

/** The part of an express Router or Application that Vivace mounts itself on. */
export interface ExpressRouter {
  use(
    middleware: (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void,
  ): unknown;
}

/** The part of an express Application that Vivace hands requests on to. */
export interface ExpressApplication extends ExpressRouter {
  (request: IncomingMessage, response: ServerResponse): unknown;
  /** The prototypes express gives to the requests and responses it sees. */
  readonly request: object;
  readonly response: object;
}

export function isRouter(value: unknown): value is ExpressRouter {
  return typeof value === 'function' && typeof (value as Partial<ExpressRouter>).use === 'function';
}

export function isApplication(value: unknown): value is ExpressApplication {
  const { request, response } = value as Partial<ExpressApplication>;
  return isRouter(value) && typeof request === 'object' && typeof response === 'object';
}
