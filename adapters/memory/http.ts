import {
  admittedCall,
  callFrom,
  failureResponse,
  HttpSpan,
  isVivaceError,
  recordExchange,
  VivaceError,
  type Admission,
  type Call,
  type CallContext,
  type HttpRequestHead,
  type HttpResponse,
  type HttpRoute,
  type HttpRouter,
  type HttpServer,
  type Log,
  type PartContext,
} from 'vivace';
import { MountedRouters } from 'vivace/kit';
import { acceptedEncodings, decodeContent } from 'vivace/wire';

/** A request to `inject`. */
export interface InjectedRequest {
  /** Default: POST with a body, GET without. */
  readonly method?: string;
  /** With the query, where there is one. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text and bytes are sent as they are; anything else as JSON, with its content type. */
  readonly body?: unknown;
  /** Aborting it means that the peer goes away. */
  readonly signal?: AbortSignal;
}

/** An answer to `inject`. */
export interface InjectedResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Uint8Array;
  /** The body as text. */
  readonly text: string;
  /** The body parsed as JSON. */
  json(): unknown;
}

/** An `HttpServer` that is called instead of connected to. */
export interface InjectableServer extends HttpServer {
  inject(request: InjectedRequest): Promise<InjectedResponse>;
}

export interface HttpLimits {
  readonly bodyLimitBytes: number;
  readonly decompressedLimitBytes: number;
}

/** Answers requests in the process, without a socket. */
export class InProcessServer implements InjectableServer {
  readonly #routers = new MountedRouters();
  readonly #limits: HttpLimits;
  readonly #log: Log;
  readonly #admission: Admission;
  #draining = false;

  constructor(limits: HttpLimits, { log, admission }: Pick<PartContext, 'log' | 'admission'>) {
    this.#limits = limits;
    this.#log = log;
    this.#admission = admission;
  }

  mount(router: HttpRouter): void {
    this.#routers.mount(router);
  }

  async remount(routers: readonly HttpRouter[]): Promise<void> {
    await this.#routers.remount(routers);
  }

  address(): undefined {
    return undefined;
  }

  drain(_context: CallContext): void {
    this.#draining = true;
  }

  async inject(request: InjectedRequest): Promise<InjectedResponse> {
    const { headers, body } = encoded(request);
    const [path = '', ...query] = request.path.split('?');
    const method = request.method ?? (request.body === undefined ? 'GET' : 'POST');
    const head: HttpRequestHead = { method, path, query: query.join('?'), headers, peer: '' };
    const { signal = new AbortController().signal } = request;
    const { status, ...answer } = await this.#answer(head, body, signal);
    const bytes = method === 'HEAD' ? new Uint8Array(0) : Buffer.from(answer.body as string);
    const text = Buffer.from(bytes).toString();
    return { status, headers: answer.headers, bytes, text, json: () => JSON.parse(text) as unknown };
  }

  async #answer(head: HttpRequestHead, sent: Uint8Array, signal: AbortSignal): Promise<HttpResponse> {
    const route = this.#routers.find(head);
    const ended = this.#routers.begin();
    try {
      return await this.#exchanged(route, head, { sent, signal });
    } finally {
      ended();
    }
  }

  async #exchanged(
    route: HttpRoute | undefined,
    head: HttpRequestHead,
    { sent, signal }: { readonly sent: Uint8Array; readonly signal: AbortSignal },
  ): Promise<HttpResponse> {
    const arrivedAt = performance.now();
    const facts = { route, scheme: 'http', protocolVersion: '1.1' } as const;
    const span = HttpSpan.begin(head, () => facts);
    const call =
      route === undefined ? undefined : callFrom(head.headers, signal, { trace: span?.context, arrivedAt });
    const answer = async (): Promise<HttpResponse> => this.#routed(head, sent, { route, call });
    const response = await (span === undefined ? answer() : span.run(answer));
    span?.end(response.status);
    recordExchange({ method: head.method, status: response.status, arrivedAt }, facts);
    return response;
  }

  async #routed(
    head: HttpRequestHead,
    sent: Uint8Array,
    { route, ...begun }: { route: HttpRoute | undefined; call: Call | undefined },
  ): Promise<HttpResponse> {
    let { call } = begun;
    let ownHeaders = {};
    let entered = false;
    try {
      this.#checkReady();
      if (route === undefined || call === undefined)
        throw new VivaceError('NOT_FOUND', `nothing answers ${head.method} ${head.path}`);
      if (route.admission !== false) {
        const deadlineMs = route.deadlineMs?.(head);
        this.#admission.enter(deadlineMs === undefined ? undefined : call.arrivedAt + deadlineMs);
        entered = true;
      }
      call = await admittedCall(route, head, call);
      const body = await this.#bodyOf(head, sent, route).catch((error: unknown) => {
        if (isVivaceError(error) && error.httpStatus === 415)
          ownHeaders = { 'accept-encoding': acceptedEncodings };
        throw error;
      });
      const turn = entered ? this.#admission.turn() : undefined;
      if (turn !== undefined) await turn;
      return await route.handle({ ...head, body }, call);
    } catch (error) {
      const failure = failureResponse(error, { head, route, call, log: this.#log });
      return { ...failure, headers: { ...ownHeaders, ...failure.headers } };
    } finally {
      if (entered) this.#admission.leave();
    }
  }

  async #bodyOf(
    { headers }: HttpRequestHead,
    sent: Uint8Array,
    { bodyLimitBytes: own = Infinity }: HttpRoute,
  ): Promise<Uint8Array> {
    const largest = Math.min(own, this.#limits.bodyLimitBytes);
    if (sent.length > largest) {
      throw new VivaceError('INVALID_ARGUMENT', `the body exceeds ${largest} bytes`, { httpStatus: 413 });
    }
    const limitBytes = Math.min(own, this.#limits.decompressedLimitBytes);
    return decodeContent(sent, headers['content-encoding'], { limitBytes });
  }

  #checkReady(): void {
    if (this.#draining) throw new VivaceError('UNAVAILABLE', 'the server takes no new connections');
    if (this.#routers.size === 0)
      throw new VivaceError('UNAVAILABLE', 'the server is starting', { retryAfterMs: 1000 });
  }
}

function encoded({ headers = {}, body }: InjectedRequest): {
  headers: Record<string, string>;
  body: Uint8Array;
} {
  const lower = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  if (body === undefined) return { headers: lower, body: new Uint8Array(0) };
  if (body instanceof Uint8Array) return { headers: lower, body };
  if (typeof body === 'string') return { headers: lower, body: Buffer.from(body) };
  return {
    headers: { 'content-type': 'application/json', ...lower },
    body: Buffer.from(JSON.stringify(body)),
  };
}
