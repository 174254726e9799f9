import { once } from 'node:events';
import {
  Agent,
  createServer,
  request,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface CannedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Breaks the connection off after so many bytes of the body. */
  readonly cutAfterBytes?: number;
}

/** Stands between an HTTP client and its server: records what is asked, and answers in the server's stead where told to. */
export class HttpProxy {
  /** Gives an answer of its own, or `undefined` to let the server answer. */
  intercept: ((asked: SeenRequest) => CannedAnswer | undefined) | undefined;
  /** The server's next answer whose body is longer than this is broken off there; then it is `undefined` again. */
  cutAfterBytes: number | undefined;
  /** Keeps each answer back, milliseconds. */
  delayMs = 0;
  /** Gives what arrives in the place of a request's body, as a bad network might. */
  alterRequest: ((asked: SeenRequest) => Buffer) | undefined;
  /** The same for an answer's body. */
  alterAnswer: ((body: Buffer, asked: SeenRequest) => Buffer) | undefined;
  readonly seen: SeenRequest[] = [];
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #port: number;

  private constructor(port: number) {
    this.#port = port;
    this.#server = createServer((incoming, outgoing) => {
      this.#handle(incoming, outgoing).catch(() => outgoing.destroy());
    });
  }

  /** @param port Where the server listens, on 127.0.0.1. */
  static async start(port: number): Promise<HttpProxy> {
    const proxy = new HttpProxy(port);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await once(this.#server, 'close');
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await buffer(incoming);
    const asked = { method: incoming.method ?? '', url: incoming.url ?? '', headers: incoming.headers, body };
    this.seen.push(asked);
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    const canned = this.intercept?.(asked);
    if (canned !== undefined) {
      const text = Buffer.from(canned.body ?? '');
      outgoing.writeHead(canned.status, { 'content-length': text.length, ...canned.headers });
      await send(outgoing, text, canned.cutAfterBytes);
      return;
    }
    const forwarded = request({
      host: '127.0.0.1',
      port: this.#port,
      agent: this.#agent,
      method: asked.method,
      path: asked.url,
      headers: asked.headers,
    });
    forwarded.end(this.alterRequest?.(asked) ?? body);
    const [answer] = (await once(forwarded, 'response')) as [IncomingMessage];
    outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    const cut = this.cutAfterBytes;
    if (cut === undefined && this.alterAnswer === undefined) {
      answer.pipe(outgoing);
      return;
    }
    const whole = await buffer(answer);
    const text = this.alterAnswer?.(whole, asked) ?? whole;
    if (cut === undefined) {
      outgoing.end(text);
      return;
    }
    if (text.length > cut) this.cutAfterBytes = undefined;
    await send(outgoing, text, text.length > cut ? cut : undefined);
  }
}

async function send(
  outgoing: ServerResponse,
  body: Buffer,
  cutAfterBytes: number | undefined,
): Promise<void> {
  if (cutAfterBytes === undefined) {
    outgoing.end(body);
    return;
  }
  await new Promise((resolve) => outgoing.write(body.subarray(0, cutAfterBytes), resolve));
  outgoing.destroy();
}
