import type { BigQuery } from '@google-cloud/bigquery';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Readable } from 'node:stream';
import { abortError, messageOf, untilAborted, VivaceError } from 'vivace';
import { googleClientOptions, loadSdk, readTls } from 'vivace/kit';
import type { BigqueryOptions } from './bigquery.js';
import { callError } from './errors.js';

/** The SDK's placeholder for a project that was not named. */
const unknownProject = '{{projectId}}';

/** One call of the REST API. @see https://cloud.google.com/bigquery/docs/reference/rest */
export interface Call {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  /** Below `projects/<project>`. */
  readonly path: string;
  /** Default: the project of the jobs. */
  readonly project?: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: object;
  /** A multipart body to upload instead of `body`; read once, so never sent again. */
  readonly upload?: { readonly content: Readable; readonly boundary: string };
  /** Sending it a second time changes nothing more, so it may be retried. */
  readonly idempotent?: boolean;
}

/**
 * The REST API through the SDK's client: its project, its endpoint, its credentials, and its HTTP client with its retries. The SDK's own
 * methods know no abort signal and copy every answer deeply, cell by cell.
 */
export class Connection {
  readonly #options: BigqueryOptions;
  readonly #directory: string;
  #client!: BigQuery;
  #sender!: Pick<BigQuery['authClient'], 'request'>;
  #agent: HttpAgent | HttpsAgent | undefined;
  #project = '';

  constructor(options: BigqueryOptions, directory: string) {
    this.#options = options;
    this.#directory = directory;
  }

  get project(): string {
    return this.#project;
  }

  async open(signal: AbortSignal): Promise<void> {
    const { client, projectId, anonymous, caFile } = this.#options;
    const sdk = await loadSdk('@google-cloud/bigquery', () => import('@google-cloud/bigquery'));
    this.#client = client ?? new sdk.BigQuery(googleClientOptions(this.#options, this.#directory));
    const { authClient } = this.#client;
    // The transport of a client made by the SDK's own copy of the auth library: it adds no credentials.
    this.#sender = anonymous && client === undefined ? authClient.fromAPIKey('-').transporter : authClient;
    const { ca } = await readTls({ caFile }, this.#directory);
    this.#agent = agentFor(this.#client.baseUrl, ca);
    const known = projectId ?? this.#client.projectId;
    this.#project = known === unknownProject ? await this.#detectProject(signal) : known;
    if (this.#project === '') {
      throw new VivaceError(
        'FAILED_PRECONDITION',
        'no project: set `projectId`, or GOOGLE_CLOUD_PROJECT, or use credentials that name one',
      );
    }
  }

  async #detectProject(signal: AbortSignal): Promise<string> {
    try {
      return (await untilAborted(this.#client.authClient.getProjectId(), signal)) ?? '';
    } catch (error) {
      if (signal.aborted) throw abortError(signal);
      if (/project id/i.test(messageOf(error))) return '';
      throw callError(error, this.#client.apiEndpoint);
    }
  }

  /** @throws {VivaceError} Classified, with what to do. */
  async call<T>(call: Call, signal: AbortSignal): Promise<T> {
    if (signal.aborted) throw abortError(signal);
    try {
      return await untilAborted(this.#send<T>(call, signal), signal);
    } catch (error) {
      throw signal.aborted ? abortError(signal) : callError(error, this.#client.apiEndpoint);
    }
  }

  close(): void {
    this.#agent?.destroy();
  }

  async #send<T>(call: Call, signal: AbortSignal): Promise<T> {
    const { method = 'GET', path, project = this.#project, query = {}, body, upload } = call;
    const { idempotent = method !== 'POST' } = call;
    const base =
      upload === undefined ? this.#client.baseUrl : `${this.#client.apiEndpoint}/upload/bigquery/v2`;
    const url = new URL(`${base}/projects/${encodeURIComponent(project)}/${path}`);
    for (const [name, value] of Object.entries({ ...query, prettyPrint: false }))
      if (value !== undefined) url.searchParams.set(name, String(value));
    const { data } = await this.#sender.request<T>({
      url: url.href,
      method,
      signal,
      // Google compresses for clients that name gzip here.
      headers: {
        'user-agent': 'vivace (gzip)',
        ...(upload === undefined ? {} : { 'content-type': `multipart/related; boundary=${upload.boundary}` }),
      },
      ...(this.#agent === undefined ? {} : { agent: this.#agent }),
      ...(body === undefined ? {} : { data: body }),
      ...(upload === undefined ? {} : { data: upload.content }),
      timeout: upload === undefined ? 90_000 : 0,
      retryConfig: {
        retry: idempotent ? 3 : 0,
        httpMethodsToRetry: ['GET', 'POST', 'DELETE'],
      },
    });
    // An answer that is not JSON comes as text: the answer of a proxy, or half of one. Only deletions answer with nothing.
    if ((typeof data !== 'object' || data === null) && !(method === 'DELETE' && !data))
      throw new VivaceError('UNAVAILABLE', `${this.#client.apiEndpoint} does not answer in JSON`);
    return data;
  }
}

/**
 * Connections that are kept, and closed with the part; without one each call makes its own. Where the environment names a proxy the SDK's
 * HTTP client goes through it by itself.
 */
function agentFor(url: string, ca: string | undefined): HttpAgent | HttpsAgent | undefined {
  const { env } = process;
  if (env['HTTPS_PROXY'] ?? env['https_proxy'] ?? env['HTTP_PROXY'] ?? env['http_proxy']) return undefined;
  // Idle connections are closed here before the server, which keeps them for longer, closes them.
  const kept = { keepAlive: true, scheduling: 'lifo', timeout: 5000 } as const;
  return url.startsWith('https:')
    ? new HttpsAgent({ ...kept, ...(ca === undefined ? {} : { ca }) })
    : new HttpAgent(kept);
}
