import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  callFrom,
  type Call,
  type HttpRequest,
  type HttpRequestHead,
  type HttpRoute,
  type HttpSpan,
} from 'vivace';
import type { HeldShare } from './held-bytes.js';
import { peerGone } from './peer-gone.js';

const nothing = new Uint8Array(0);

/** A request, what answers it, and the connection it came on. */
export class Exchange implements HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: HttpRequestHead['headers'];
  readonly peer: string;
  /** What answers it, once that is found; `call` is there when the exchange has begun. */
  route: HttpRoute | undefined;
  call: Call | undefined;
  span: HttpSpan | undefined;
  /** Whether the server has answered with an error. */
  failed = false;
  /** When its head had arrived, in `performance.now()` milliseconds. */
  readonly arrivedAt: number;
  /** Called when the response has been sent, or its peer has left. */
  onClose: (() => void) | undefined;
  body: Uint8Array = nothing;
  parsedBody?: unknown;
  /** What the body takes of the bytes that the server may hold. */
  #held: HeldShare | undefined;
  #controller: AbortController | undefined;
  #gone = false;
  #closed = false;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    {
      arrivedAt,
      peer = request.socket.remoteAddress ?? '',
    }: { arrivedAt: number; peer?: string | undefined },
  ) {
    const target = originForm(request.url ?? '');
    const mark = target.indexOf('?');
    this.method = request.method ?? '';
    this.path = mark < 0 ? target : target.slice(0, mark);
    this.query = mark < 0 ? '' : target.slice(mark + 1);
    // Node joins repeated headers itself; only set-cookie, which no request has, would be an array.
    this.headers = request.headers as HttpRequestHead['headers'];
    this.peer = peer;
    this.arrivedAt = arrivedAt;
    response.on('close', () => {
      this.#closed = true;
      this.#held?.end();
      if (!isAnswered(response)) this.#leave();
      this.onClose?.();
    });
  }

  /** Makes the exchange's call where a route answers it, within the exchange's span where somebody traces. */
  begin(span: HttpSpan | undefined): void {
    this.span = span;
    if (this.route === undefined) return;
    const { arrivedAt } = this;
    this.call = callFrom(this.headers, () => this.signal, { trace: span?.context, arrivedAt });
  }

  /** Made when first asked for: a controller costs more than all the rest of this object. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#gone) this.#leave();
    return this.#controller.signal;
  }

  /** Counts the body by a share of the bytes that the server may hold, until it is released or the exchange has ended. */
  hold(share: HeldShare): void {
    this.#held = share;
    if (this.#closed) share.end();
  }

  release(): void {
    this.body = nothing;
    this.parsedBody = undefined;
    this.#held?.release();
  }

  #leave(): void {
    this.#gone = true;
    this.#controller?.abort(peerGone());
  }
}

/** Whether the whole answer has left. Node also finishes a stream of HTTP/2 that its peer has reset, without any answer. */
export function isAnswered(response: ServerResponse): boolean {
  return response.writableEnded && response.writableFinished;
}

/** A proxy may send the absolute form, `http://host/path`; `*` and the like stay as they are and match no path. */
function originForm(url: string): string {
  if (url.startsWith('/')) return url;
  const authority = /^https?:\/\/[^/?]*/i.exec(url)?.[0];
  if (authority === undefined) return url;
  const rest = url.slice(authority.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}
