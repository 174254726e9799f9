import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobServer } from './gcs-server.js';
import { pathOf, program, type Found } from './programs.js';
import { freePort, ServerProcess } from './server-process.js';

export const versitygw = program('versitygw');

const real = process.env['S3_BUCKET'];

/** What the contract suites need: the real service where its variables are set, or else the test server. */
export const s3Found: Found = real === undefined ? versitygw : { path: real };

/** The S3 that the `AWS_…` variables and `S3_BUCKET` name, or else a test server. */
export async function startS3(): Promise<BlobServer> {
  if (real === undefined) return S3Server.start();
  return {
    options: (own = {}) => ({ bucket: real, prefix: `vivace-test/${randomUUID()}/`, ...own }),
    stop: async () => undefined,
  };
}

/** versitygw over a temporary directory, with a bucket `vivace`. */
export class S3Server implements BlobServer {
  static readonly bucket = 'vivace';
  static readonly credentials = { accessKeyId: 'test', secretAccessKey: 'testtest' };
  readonly port: number;
  readonly process: ServerProcess;
  /** The SDK's own client, for what a test does behind the part's back. */
  readonly client: S3Client;
  readonly #directory: string;
  readonly #own: boolean;

  private constructor(port: number, process: ServerProcess, directory: string, own: boolean) {
    this.port = port;
    this.process = process;
    this.#directory = directory;
    this.#own = own;
    this.client = new S3Client({
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { ...S3Server.credentials },
    });
  }

  /** @param given.directory Where it keeps its files; default: a temporary one, removed at the end. */
  static async start({ directory: given }: { readonly directory?: string } = {}): Promise<S3Server> {
    const directory = given ?? (await mkdtemp(join(tmpdir(), 'vivace-s3-')));
    const port = await freePort();
    const process = await ServerProcess.start({
      path: pathOf(versitygw),
      args: ['--port', `127.0.0.1:${port}`, '--keep-alive', '--quiet', 'posix', directory],
      env: {
        ROOT_ACCESS_KEY: S3Server.credentials.accessKeyId,
        ROOT_SECRET_KEY: S3Server.credentials.secretAccessKey,
      },
      port,
    });
    const server = new S3Server(port, process, directory, given === undefined);
    await server.client.send(new CreateBucketCommand({ Bucket: S3Server.bucket }));
    return server;
  }

  /** @param own May name another `endpoint`, as that of a proxy before the server. */
  options(own: object = {}): object {
    return {
      bucket: S3Server.bucket,
      prefix: `${randomUUID()}/`,
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${this.port}`,
      forcePathStyle: true,
      ...S3Server.credentials,
      ...own,
    };
  }

  async stop(): Promise<void> {
    this.client.destroy();
    await this.process.kill();
    if (this.#own) await rm(this.#directory, { recursive: true, force: true });
  }
}
