import { driverPort } from './port.js';
import { type CallContext } from '../kernel/call.js';

/** What is known of a request before its body is read. */
export interface HttpRequestHead {
  /** Upper case. */
  readonly method: string;
  /** Decoded by nobody: begins with `/`, without the query, relative to where the server is mounted. */
  readonly path: string;
  /** Without `?`; empty where there is none. */
  readonly query: string;
  /** Lower-case names; repeated headers joined by `, `. */
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** A whole request. */
export interface HttpRequest extends HttpRequestHead {
  /** The body, decompressed and whole; empty where there is none. */
  readonly body: Uint8Array;
  /** The body as a host application's own middleware has parsed it; then `body` is empty. */
  readonly parsedBody?: unknown;
  /** The address of the peer; empty where it is not known. */
  readonly peer: string;
  /** Aborts when the peer goes away. */
  readonly signal: AbortSignal;
}

/** An answer. The server adds `content-length`, and leaves the body out where HTTP has none, as for HEAD. */
export interface HttpResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** Answers a request. What it throws is logged by the server and answered with 500. */
export type HttpHandler = (request: HttpRequest) => HttpResponse | Promise<HttpResponse>;

/**
 * Finds the handler of a request, or `undefined` where the path is not its own. It is asked before the body is read, so that a request
 * for somebody else is left untouched, and it never throws.
 */
export type HttpRouter = (head: HttpRequestHead) => HttpHandler | undefined;

/**
 * Speaks HTTP and nothing above it. It limits body, header and decompressed size and time itself, answers a violation with a JSON
 * error `{code, message, requestId?}`, a path that no router takes with 404, and, before one is mounted, everything with 503.
 */
export interface HttpServer {
  /** Routers are asked in the order they were mounted. */
  mount(router: HttpRouter): void;
  /** Where it listens, such as `http://127.0.0.1:8080`; `undefined` where it does not listen itself. */
  address(): string | undefined;
  /** No new connections; those that are open are told to close. In-flight requests go on. */
  drain(context: CallContext): void | Promise<void>;
}

export const httpServer = driverPort<HttpServer>('http-server', {
  mount: { quiet: true },
  address: { quiet: true },
  drain: {},
});
