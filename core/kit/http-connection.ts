import {
  Agent,
  request as sendPlain,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as TlsAgent, request as sendOverTls } from 'node:https';
import { abortError, isVivaceError, messageOf, VivaceError, type ErrorCode } from '../kernel/errors.js';
import { onAbort } from '../kernel/on-abort.js';
import { startTimer } from '../kernel/timer.js';
import { tlsFailure, type TlsMaterial } from './tls.js';

/** Where a server listens, and what every request to it carries. */
export interface ServerAddress {
  /** `http://host:port/path` or `https://…`; its path comes before every path that is asked for. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
  /** The most sockets at the same time; what is beyond waits for one. Default: no limit. */
  readonly maxSockets?: number;
  /** The most sockets that are kept while nothing is asked; default 1. */
  readonly maxFreeSockets?: number;
  /** The code of an answer that is too long. */
  readonly tooLong: ErrorCode;
}

/** One request. */
export interface Exchange {
  readonly method: string;
  /** It begins with `/`, and is encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body in pieces, which are not copied. */
  readonly pieces?: readonly Uint8Array[];
  /** The most bytes of the body of the answer. */
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What came back, whatever its status. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

/** The connection was lost, or what it led to is no longer there. */
export class GoneError extends VivaceError {}

/** Connections to one HTTP server, which are kept between requests and made anew where they were closed meanwhile. */
export class HttpConnection {
  /** The address, for messages. */
  readonly where: string;
  readonly #target: RequestOptions & { readonly agent: Agent };
  readonly #send: (options: RequestOptions) => ClientRequest;
  readonly #isTls: boolean;
  readonly #running = new Set<(error: VivaceError) => void>();
  /** Why nothing more is asked. */
  #reason: string | undefined;

  readonly #tooLong: ErrorCode;

  constructor({ url, headers = {}, tls, maxSockets, maxFreeSockets = 1, tooLong }: ServerAddress) {
    const { protocol, hostname, port, pathname, origin } = new URL(url);
    const kept = { keepAlive: true, maxFreeSockets, ...(maxSockets === undefined ? {} : { maxSockets }) };
    this.#tooLong = tooLong;
    this.#isTls = protocol === 'https:';
    this.#send = this.#isTls ? sendOverTls : sendPlain;
    const path = pathname.replace(/\/+$/, '');
    this.where = origin + path;
    this.#target = {
      // `[::1]` is written so in a URL alone.
      hostname: hostname.replace(/^\[|\]$/g, ''),
      ...(port === '' ? {} : { port }),
      path,
      agent: this.#isTls ? new TlsAgent({ ...kept, ...tls }) : new Agent(kept),
      headers: { 'accept-encoding': 'identity', ...headers },
    };
  }

  /**
   * Sends a request once, and waits for its whole answer.
   *
   * @throws {GoneError} `UNAVAILABLE` where the connection could not be made (with `started: false`) or was lost.
   * @throws {VivaceError} `DEADLINE_EXCEEDED` where the time is over, the code of answers that are too long, the signal's error.
   */
  exchange(exchange: Exchange): Promise<Answer> {
    const { signal, timeoutMs, maxBytes, pieces = [] } = exchange;
    if (this.#reason !== undefined)
      return Promise.reject(new VivaceError('UNAVAILABLE', this.#reason, { started: false }));
    if (signal.aborted) return Promise.reject(abortError(signal));
    return new Promise((resolve, reject) => {
      const request = this.#open(exchange);
      const isOpen = this.#watch(request);
      let hasAnswer = false;
      const settle = (then: () => void): void => {
        if (!this.#running.delete(fail)) return;
        clearTimeout(timer);
        stopListening();
        then();
      };
      const fail = (error: VivaceError): void =>
        settle(() => {
          request.destroy();
          reject(error);
        });
      const lose = (error: unknown): void => fail(this.#lost(error, isOpen()));
      const leave = (): void => fail(abortError(signal));
      const late = (): void =>
        fail(
          new VivaceError(
            'DEADLINE_EXCEEDED',
            `${this.where} did not answer in ${Math.ceil(timeoutMs)} ms`,
            isOpen() ? {} : { started: false },
          ),
        );
      const timer = startTimer(late, timeoutMs);
      const stopListening = onAbort(signal, leave);
      this.#running.add(fail);
      request.on('error', lose);
      request.on('close', () => {
        if (!hasAnswer) lose(new Error('it was closed before the answer came'));
      });
      request.once('response', (response) => {
        hasAnswer = true;
        readAnswer(response, maxBytes, this.#tooLong).then(
          (answer) =>
            settle(() => {
              // Nobody reads the rest of a request that was answered before it was there.
              if (!request.writableFinished) request.destroy();
              resolve(answer);
            }),
          lose,
        );
      });
      request.cork();
      for (const piece of pieces) request.write(piece);
      request.end();
      request.uncork();
    });
  }

  /** Whether nothing is being asked. */
  get isIdle(): boolean {
    return this.#running.size === 0;
  }

  /** Lets go of the connection: the next request makes another. */
  renew(): void {
    this.#target.agent.destroy();
  }

  /** Ends what is running, and refuses what comes. */
  close(reason: string): void {
    this.#reason ??= reason;
    for (const fail of this.#running) fail(new VivaceError('UNAVAILABLE', this.#reason));
    this.renew();
  }

  #open({ method, path, headers, pieces = [] }: Exchange): ClientRequest {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    return this.#send({
      ...this.#target,
      method,
      path: `${this.#target.path!}${path}`,
      headers: {
        ...(this.#target.headers as Record<string, string>),
        ...headers,
        ...(method === 'GET' ? {} : { 'content-length': String(length) }),
      },
    });
  }

  /** @returns Whether the request has a connection by now, so that something of it may have been sent. */
  #watch(request: ClientRequest): () => boolean {
    let isOpen = false;
    request.once('socket', (socket) => {
      if (request.reusedSocket) isOpen = true;
      else socket.once(this.#isTls ? 'secureConnect' : 'connect', () => (isOpen = true));
    });
    return () => isOpen;
  }

  /** What became of a request whose connection failed. */
  #lost(error: unknown, wasOpen: boolean): VivaceError {
    if (isVivaceError(error)) return error;
    if (wasOpen)
      return new GoneError('UNAVAILABLE', `the connection to ${this.where} was lost: ${said(error)}`, {
        cause: error,
      });
    const tls = tlsFailure(error, this.where, 'url');
    const message = tls?.message ?? `${this.where} cannot be connected to: ${said(error)}`;
    return new GoneError('UNAVAILABLE', message, { cause: error, started: false });
  }
}

/** Reads a body of at most so many bytes. */
function readAnswer(response: IncomingMessage, maxBytes: number, code: ErrorCode): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const tooLong = (): void =>
      reject(
        new VivaceError(
          code,
          `the answer has more than ${maxBytes} bytes, which \`maxResponseBytes\` does not allow`,
        ),
      );
    if (Number(response.headers['content-length']) > maxBytes) return tooLong();
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxBytes) tooLong();
      else chunks.push(chunk);
    });
    response.on('error', reject);
    response.on('end', () => {
      const { statusCode = 0, headers, complete } = response;
      if (complete)
        resolve({
          status: statusCode,
          headers,
          body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks),
        });
    });
    response.on('close', () => {
      if (!response.complete) reject(new Error('it was closed in the middle of the answer'));
    });
  });
}

/** What an error says; one that stands for several, one per address, says nothing but its code. */
function said(error: unknown): string {
  const text = messageOf(error);
  return text === '' ? String((error as { readonly code?: unknown }).code) : text;
}
