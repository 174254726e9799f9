import type * as Sdk from '@aws-sdk/client-s3';
import { abortError, untilAborted } from 'vivace';
import { loadSdk, readTls } from 'vivace/kit';
import { toFailure } from './errors.js';
import type { S3Options } from './s3.js';

/** What a command of the SDK answers. */
interface Command<T> {
  readonly middlewareStack: unknown;
  readonly input: unknown;
  resolveMiddleware(...args: never[]): (...args: never[]) => Promise<{ output: T }>;
}

/** The SDK, a client of it, and errors that say what to do. */
export class Connection {
  readonly sdk: typeof Sdk;
  readonly #client: Sdk.S3Client;
  readonly #options: S3Options;

  private constructor(sdk: typeof Sdk, client: Sdk.S3Client, options: S3Options) {
    this.sdk = sdk;
    this.#client = client;
    this.#options = options;
  }

  static async open(options: S3Options, directory: string): Promise<Connection> {
    const sdk = await loadSdk('@aws-sdk/client-s3', () => import('@aws-sdk/client-s3'));
    const { region, endpoint, forcePathStyle, maxAttempts, maxSockets, checksums } = options;
    const { accessKeyId, secretAccessKey, sessionToken } = options;
    const pool = { keepAlive: true, maxSockets };
    const when = checksums === 'always' ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED';
    const config: Sdk.S3ClientConfig = {
      forcePathStyle,
      maxAttempts,
      requestChecksumCalculation: when,
      responseChecksumValidation: when,
      requestHandler: { httpAgent: pool, httpsAgent: { ...pool, ...(await readTls(options, directory)) } },
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(accessKeyId === undefined || secretAccessKey === undefined
        ? {}
        : {
            credentials: {
              accessKeyId,
              secretAccessKey,
              ...(sessionToken === undefined ? {} : { sessionToken }),
            },
          }),
    };
    return new Connection(sdk, new sdk.S3Client(config), options);
  }

  close(): void {
    this.#client.destroy();
  }

  /** @throws {VivaceError} see `toFailure` */
  async send<T>(command: Command<T>, signal: AbortSignal): Promise<T> {
    try {
      const sent = this.#client.send(command as never, { abortSignal: signal }) as Promise<T>;
      return await untilAborted(sent, signal);
    } catch (error) {
      if (signal.aborted) throw abortError(signal);
      throw toFailure(error, this.#options);
    }
  }
}
