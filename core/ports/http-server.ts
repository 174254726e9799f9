import { adapterPort } from './port.js';
import type { VivaceError } from '../kernel/errors.js';
import type { Call, CallContext, MaybePromise } from '../kernel/call.js';

/** What is known of a request before its body is read. */
export interface HttpRequestHead {
  /** Upper case. */
  readonly method: string;
  /** Not decoded: begins with `/`, without the query, relative to where the server is mounted. */
  readonly path: string;
  /** Without `?`; empty where there is none. */
  readonly query: string;
  /** Lower-case names; repeated headers joined by `, `. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The address of the peer; empty where it is not known. */
  readonly peer: string;
}

/** A whole request. */
export interface HttpRequest extends HttpRequestHead {
  /** The body, decompressed and whole; empty where there is none. */
  readonly body: Uint8Array;
  /** The body as a host application's own middleware has parsed it; then `body` is empty. */
  readonly parsedBody?: unknown;
  /**
   * Says that the body has been read, and will not be asked for again. A server counts the bodies that it holds, and refuses more than it
   * has room for; one that is not released counts until its exchange has ended.
   */
  release?(): void;
}

/**
 * An answer. The server adds `content-length`, and leaves the body out where HTTP has none, as for HEAD. It may compress the body for a peer
 * that accepts it, unless the answer has a `content-encoding` of its own.
 */
export interface HttpResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/**
 * Answers the requests of a path, in this order: the server's admission, `admit`, the body, the call's turn, `handle`. Whatever any of them throws is answered as `failed` formats
 * it. The server logs an error that is not a `VivaceError`, or has the status 500.
 *
 * The server creates the call when the head has arrived (`callFrom`): its id is the caller's own (`x-request-id`) or a new one, its trace
 * is that of the exchange's span (`HttpSpan`), and its signal aborts when the peer disconnects.
 */
export interface HttpRoute {
  /**
   * Decides whether the body is to be read at all. It throws to refuse; otherwise it returns the call to go on with, which may have another
   * deadline or a caller. While it is pending, none of the body is read, so that a peer that disconnects is noticed only afterwards.
   */
  admit?(head: HttpRequestHead, call: Call): MaybePromise<Call>;
  handle(request: HttpRequest, call: Call): MaybePromise<HttpResponse>;
  /**
   * Formats every error of an exchange of this route, the server's own (405, 408, 413, 415, 503 and the like) included. Where it throws
   * itself, or is absent, the default applies: JSON `{code, message, path?, requestId?}`.
   */
  failed?(error: VivaceError, head: HttpRequestHead, call: Call): HttpResponse;
  /**
   * The path with its variable parts in braces, relative to where the server is mounted: `/v1/pipelines/{pipeline}/predict`. It names the
   * exchange's span (`http.route`).
   */
  readonly template?: string;
  /** Its exchanges have no span of their own, as for a probe that comes every second. */
  readonly quiet?: true;
  /** Its calls are never refused for the server's load, nor counted in it: probes, metrics, and what an operator needs to find the cause. */
  readonly admission?: false;
  /**
   * How long a call may take from when its head has arrived, milliseconds, as far as its head and its path tell; `undefined` where they do
   * not. The server's admission refuses a call that would wait too long for it. It never throws: what is wrong in a header is refused later.
   */
  deadlineMs?(head: HttpRequestHead): number | undefined;
  /** Largest body, bytes, as sent and after decompression; the server's own limits hold where they are smaller. */
  readonly bodyLimitBytes?: number;
}

/**
 * Finds the route of a request, or `undefined` where the path is not its own. It is called before the body is read, so that a request for
 * another handler is left untouched. It never throws.
 */
export type HttpRouter = (head: HttpRequestHead) => HttpRoute | undefined;

/** The route of the first router that has one. */
export function routeOf(routers: readonly HttpRouter[], head: HttpRequestHead): HttpRoute | undefined {
  for (const router of routers) {
    const route = router(head);
    if (route !== undefined) return route;
  }
  return undefined;
}

/**
 * Speaks HTTP and nothing above it. It enforces the limits on body, header and decompressed size and on time itself. It answers a violation
 * as the route formats it, or with a JSON error `{code, message, requestId}` where no route is known. It answers a path that no router
 * takes with 404, and, before a router is mounted, everything with 503. Every exchange is an `HttpSpan`, where tracing is on, and is
 * recorded (`recordExchange`), whatever it was answered with.
 *
 * It asks the server's admission (`context.admission`) when the head of a call has arrived, before middleware, `admit` and the body, and
 * answers a refusal at once. What of the body has not been read then is bounded: the connection is cut where the peer goes on sending.
 */
export interface HttpServer {
  /** Routers are asked in the order they were mounted. */
  mount(router: HttpRouter): void;
  /**
   * Puts these routers in the place of all that are mounted, in one step, before it returns: a request whose head was read earlier is answered
   * by the route that it has, a later one by these.
   *
   * @returns Resolves when no exchange of an earlier router is open.
   */
  remount(routers: readonly HttpRouter[]): Promise<void>;
  /** Where it listens, such as `http://127.0.0.1:8080`; `undefined` where it does not listen itself. */
  address(): string | undefined;
  /**
   * Says where the state of the server stands (`Pulse` of `vivace/wire`), for a server that answers health checks in a thread of its own.
   * Called before transports are served, and again where another server takes over.
   *
   * @returns Where it answers them; `undefined` where it does not, and the memory is then not written.
   */
  probes?(memory: SharedArrayBuffer): string | undefined;
  /** Refuses new connections, and tells the open ones to close. In-flight requests go on. */
  drain(context: CallContext): void | Promise<void>;
}

export const httpServer = adapterPort<HttpServer>('http-server', {
  mount: { sync: true, quiet: true },
  remount: { quiet: true },
  address: { sync: true, quiet: true },
  probes: { sync: true, quiet: true },
  drain: {},
});
