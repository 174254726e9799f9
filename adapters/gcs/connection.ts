import type { Storage } from '@google-cloud/storage';
import { once } from 'node:events';
import { Agent as HttpAgent, request as overHttp, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as overHttps } from 'node:https';
import { json, text } from 'node:stream/consumers';
import { abortError, untilAborted } from 'vivace';
import { googleClientOptions, loadSdk, readTls, type TlsMaterial } from 'vivace/kit';
import { toFailure } from './errors.js';
import type { GcsOptions } from './gcs.js';

type Sender = Pick<Storage['authClient'], 'request'>;
type Sent = Parameters<Sender['request']>[0];
type Adapter = NonNullable<Sent['adapter']>;

/** A request of the JSON API; `url` begins at the endpoint. */
export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly params?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly data?: Uint8Array;
  /** Statuses other than 200 to 299 that are answers, not errors. */
  readonly accept?: readonly number[];
  readonly signal: AbortSignal;
}

export interface ApiAnswer<T> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly data: T;
  /** It was asked more than once: an earlier attempt may have been carried out, and its answer lost. */
  readonly repeated: boolean;
}

/**
 * Cloud Storage's JSON API with the SDK's credentials and retries. The SDK's own calls of files are not used: they take no signal, no
 * certificate authority and no limit of connections; a reader that leaves destroys the agent that the whole process shares, and the
 * other readers stand still for ever.
 *
 * @see https://cloud.google.com/storage/docs/json_api/v1
 */
export class Connection {
  readonly bucket: string;
  readonly #endpoint: string;
  readonly #storage: Storage;
  readonly #anonymous: Sender | undefined;
  readonly #agent: HttpAgent;
  readonly #maxRetries: number;

  private constructor(storage: Storage, options: GcsOptions, tls: TlsMaterial) {
    this.bucket = options.bucket;
    // The SDK's endpoint may come from STORAGE_EMULATOR_HOST.
    this.#endpoint = (options.endpoint ?? storage.apiEndpoint).replace(/\/+$/, '');
    this.#storage = storage;
    const pool = { keepAlive: true, maxSockets: options.maxSockets };
    this.#agent = this.#endpoint.startsWith('http:')
      ? new HttpAgent(pool)
      : new HttpsAgent({ ...pool, ...tls });
    this.#maxRetries = options.maxRetries;
    // The transport of a client made by the SDK's own copy of the auth library: it adds no credentials.
    if (options.anonymous) this.#anonymous = storage.authClient.fromJSON(nobody).transporter;
  }

  static async open(options: GcsOptions, directory: string): Promise<Connection> {
    const sdk = await loadSdk('@google-cloud/storage', () => import('@google-cloud/storage'));
    const storage = new sdk.Storage(googleClientOptions(options, directory));
    return new Connection(storage, options, await readTls(options, directory));
  }

  close(): void {
    this.#agent.destroy();
  }

  /** @throws {VivaceError} see `toFailure` */
  async json<T>(request: ApiRequest): Promise<ApiAnswer<T>> {
    return this.#send<T>(request, asJson);
  }

  /** The body is a stream, and an error where it is cut short; the caller destroys it. */
  async stream(request: ApiRequest): Promise<ApiAnswer<IncomingMessage>> {
    return this.#send<IncomingMessage>(request, asStream);
  }

  async #send<T>(request: ApiRequest, adapter: Adapter): Promise<ApiAnswer<T>> {
    const { signal, accept = [], url, ...rest } = request;
    const absolute = url.startsWith('http') ? url : this.#endpoint + url;
    let stage: 'credentials' | 'request' = 'credentials';
    const send = async (): Promise<ApiAnswer<T>> => {
      const sender = this.#anonymous ?? this.#storage.authClient;
      if (this.#anonymous === undefined) await this.#storage.authClient.getRequestHeaders(absolute);
      stage = 'request';
      const answer = await sender.request<T>({
        ...rest,
        url: absolute,
        signal,
        adapter,
        agent: this.#agent,
        validateStatus: (status) => (status >= 200 && status < 300) || accept.includes(status),
        retryConfig: {
          retry: this.#maxRetries,
          noResponseRetries: this.#maxRetries,
          // A deletion is not repeated: its second answer would say that there was nothing to delete.
          httpMethodsToRetry: ['GET', 'POST', 'PUT'],
        },
      });
      const repeated = (answer.config.retryConfig?.currentRetryAttempt ?? 0) > 0;
      return { status: answer.status, headers: answer.headers, data: answer.data, repeated };
    };
    try {
      return await untilAborted(send(), signal);
    } catch (error) {
      if (signal.aborted) throw abortError(signal);
      throw toFailure(error, { stage, url, bucket: this.bucket, endpoint: this.#endpoint });
    }
  }
}

const nobody = { type: 'authorized_user', client_id: '-', client_secret: '-', refresh_token: '-' };

/** Sends by node:http: the library's own fetch waits for ever for the rest of an answer that was cut short. */
async function overNode(options: Sent): Promise<IncomingMessage> {
  const url = new URL(String(options.url));
  const sent = (url.protocol === 'http:' ? overHttp : overHttps)(url, {
    method: options.method ?? 'GET',
    headers: options.headers ?? {},
    agent: options.agent as HttpAgent,
    signal: options.signal as AbortSignal,
  });
  sent.end(options.data as Uint8Array | undefined);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return answer;
}

const asJson = (async (options: Sent) => {
  const answer = await overNode(options);
  const isJson = answer.headers['content-type']?.startsWith('application/json') === true;
  return toAnswer(options, answer, await (isJson ? json(answer) : text(answer)).catch(broken(answer)));
}) as Adapter;

const asStream = (async (options: Sent) => {
  const answer = await overNode(options);
  const status = answer.statusCode as number;
  return options.validateStatus?.(status) === true
    ? toAnswer(options, answer, answer)
    : toAnswer(options, answer, await text(answer));
}) as Adapter;

/** Reads a whole body that is not the JSON it claims to be as no value, and throws where the connection broke. */
function broken(answer: IncomingMessage) {
  return (error: unknown): undefined => {
    if (!(error instanceof SyntaxError) || !answer.complete) throw error;
  };
}

function toAnswer<T>(options: Sent, answer: IncomingMessage, data: T): Awaited<ReturnType<Adapter>> {
  return {
    config: options,
    data,
    headers: Object.fromEntries(Object.entries(answer.headers).map(([name, value]) => [name, String(value)])),
    status: answer.statusCode as number,
    statusText: answer.statusMessage as string,
    request: { responseURL: String(options.url) },
  };
}
