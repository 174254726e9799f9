import { driverPort, type CallContext } from './port.js';

export interface HttpRequest {
  /** Upper case. */
  readonly method: string;
  /** Decoded by nobody: begins with `/`, without the query, relative to where the server is mounted. */
  readonly path: string;
  /** Without `?`; empty where there is none. */
  readonly query: string;
  /** Lower-case names; repeated headers joined by `, `. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The body, decompressed and whole; empty where there is none. */
  readonly body: Uint8Array;
  /** The body as a host application's own middleware has parsed it; then `body` is empty. */
  readonly parsedBody?: unknown;
  readonly peer: string;
  /** Aborts when the peer goes away. */
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** Answers a request, or returns `undefined` where the path is not its own. It never throws. */
export type HttpHandler = (request: HttpRequest) => HttpResponse | Promise<HttpResponse> | undefined;

/**
 * Speaks HTTP and nothing above it. It limits body, header and decompressed size and time itself, answers a violation with a JSON
 * error `{code, message}`, a path that no handler takes with 404, and, before a handler is mounted, everything with 503.
 */
export interface HttpServer {
  /** Handlers are asked in the order they were mounted. */
  mount(handler: HttpHandler): void;
  /** Where it listens, such as `http://127.0.0.1:8080`; `undefined` where it does not listen itself. */
  address(): string | undefined;
  /** No new connections; those that are open are told to close. In-flight requests go on. */
  drain(context: CallContext): void | Promise<void>;
}

export const httpServer = driverPort<HttpServer>('http-server', { mount: { quiet: true }, address: { quiet: true }, drain: {} });
