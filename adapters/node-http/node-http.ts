import {
  defineAdapter,
  httpClient,
  milliseconds,
  timeLeftMs,
  VivaceError,
  type CallContext,
  type HttpClient,
  type ClientRequest,
  type ClientResponse,
} from 'vivace';
import { HttpConnection, readTls, traceHeaders, tlsFiles, type TlsMaterial } from 'vivace/kit';
import { z } from 'zod';

const options = z.strictObject({
  maxSockets: z
    .int()
    .min(1)
    .max(65_535)
    .default(128)
    .describe('most connections to one host at the same time; a request beyond waits for one; default 128'),
  timeoutMs: milliseconds()
    .default(30_000)
    .describe(
      'longest time for one request, also where its caller would wait longer, milliseconds; default 30 s',
    ),
  ...tlsFiles,
});

type NodeHttpOptions = z.output<typeof options>;

/** Sends requests by Node's own modules. Connections are kept for each host. */
export const nodeHttp = defineAdapter({
  provides: httpClient,
  name: 'node-http',
  options,
  create: (given, _uses, { directory }) => new NodeHttpClient(given, directory),
});

/** The most hosts whose connections are kept, beyond those that are being asked. */
const mostHosts = 1000;

class NodeHttpClient implements HttpClient {
  readonly #options: NodeHttpOptions;
  readonly #directory: string;
  #tls: TlsMaterial = {};
  /** Keys: origins. */
  readonly #connections = new Map<string, HttpConnection>();

  constructor(given: NodeHttpOptions, directory: string) {
    this.#options = given;
    this.#directory = directory;
  }

  async start(): Promise<void> {
    this.#tls = await readTls(this.#options, this.#directory);
  }

  stop(): void {
    for (const connection of this.#connections.values()) connection.close('the part has stopped');
  }

  async send(request: ClientRequest, context: CallContext): Promise<ClientResponse> {
    const url = URL.canParse(request.url) ? new URL(request.url) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
      throw new VivaceError(
        'INVALID_ARGUMENT',
        'a request goes to an http or https address without credentials',
      );
    const { body, headers, method, maxBytes, timeoutMs = Infinity } = request;
    const answer = await this.#connection(url.origin).exchange({
      method,
      path: `${url.pathname}${url.search}`,
      headers: { ...headers, ...traceHeaders(context) },
      ...(body === undefined ? {} : { pieces: [body] }),
      maxBytes,
      timeoutMs: Math.min(this.#options.timeoutMs, timeoutMs, Math.max(0, timeLeftMs(context))),
      signal: context.signal,
    });
    return { status: answer.status, headers: plain(answer.headers), body: answer.body };
  }

  #connection(origin: string): HttpConnection {
    let connection = this.#connections.get(origin);
    if (connection === undefined) {
      const { maxSockets } = this.#options;
      const kept = { maxSockets, maxFreeSockets: maxSockets };
      connection = new HttpConnection({
        url: origin,
        tls: this.#tls,
        ...kept,
        tooLong: 'RESOURCE_EXHAUSTED',
      });
      if (this.#connections.size >= mostHosts) this.#makeRoom();
      this.#connections.set(origin, connection);
    }
    return connection;
  }

  /** Closes the connections of a host that nothing is asked of. */
  #makeRoom(): void {
    for (const [origin, connection] of this.#connections) {
      if (!connection.isIdle) continue;
      connection.close('other hosts were asked since');
      this.#connections.delete(origin);
      return;
    }
  }
}

function plain(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}
