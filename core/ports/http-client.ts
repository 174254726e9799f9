import type { CallContext } from '../kernel/call.js';
import { adapterPort } from './port.js';

/** One request over HTTP. */
export interface ClientRequest {
  readonly method: 'GET' | 'POST';
  /** Absolute, `http:` or `https:`, encoded, without a fragment or credentials. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** The most bytes of the body of the answer. */
  readonly maxBytes: number;
  /** The longest time for all of it, milliseconds; default: as long as the caller waits, or the part allows. */
  readonly timeoutMs?: number;
}

/** What came back, whatever its status. */
export interface ClientResponse {
  readonly status: number;
  /** Names in lower case; values of a repeated header are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/**
 * Sends requests over HTTP, each of them once: it follows no redirect and repeats nothing.
 *
 * An answer of any status is an answer; an error is thrown only where none has come.
 */
export interface HttpClient {
  /**
   * Core guarantees a set `signal`; where it aborts, the request is given up.
   *
   * @throws {VivaceError} `INVALID_ARGUMENT` for another address, `UNAVAILABLE` where there is no connection (with `started: false`) or it was lost, `RESOURCE_EXHAUSTED` where the answer is longer
   *   than `maxBytes`, `DEADLINE_EXCEEDED` where the call's time is over.
   */
  send(request: ClientRequest, context: CallContext): Promise<ClientResponse>;
}

export const httpClient = adapterPort<HttpClient>('http-client', {
  // Hosts fail one by one.
  send: { breakerBy: ([{ url }]) => (URL.canParse(url) ? new URL(url).host : '') },
});
