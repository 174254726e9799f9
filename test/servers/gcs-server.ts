import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathOf, program, type Found } from './programs.js';
import { freePort, ServerProcess } from './server-process.js';

export const fakeGcs = program('fake-gcs-server');

const { GCS_BUCKET, GOOGLE_CLOUD_PROJECT } = process.env;
const real =
  GCS_BUCKET === undefined || GOOGLE_CLOUD_PROJECT === undefined
    ? undefined
    : { bucket: GCS_BUCKET, projectId: GOOGLE_CLOUD_PROJECT };

/** What the contract suites need: the real service where its variables are set, or else the test server. */
export const gcsFound: Found = real === undefined ? fakeGcs : { path: real.bucket };

/** Options of a part over an empty store of its own. */
export interface BlobServer {
  options(own?: object): object;
  stop(): Promise<void>;
}

/** Google Cloud Storage where `GOOGLE_CLOUD_PROJECT` and `GCS_BUCKET` are set, or else a test server. */
export async function startGcs(): Promise<BlobServer> {
  if (real === undefined) return GcsServer.start();
  return {
    options: (own = {}) => ({ ...real, prefix: `vivace-test/${randomUUID()}/`, ...own }),
    stop: async () => undefined,
  };
}

/** fake-gcs-server with a bucket `vivace`, in a temporary directory. */
export class GcsServer implements BlobServer {
  static readonly bucket = 'vivace';
  readonly port: number;
  readonly process: ServerProcess;
  readonly #directory: string;
  readonly #own: boolean;

  private constructor(port: number, process: ServerProcess, directory: string, own: boolean) {
    this.port = port;
    this.process = process;
    this.#directory = directory;
    this.#own = own;
  }

  /**
   * @param given.directory Where it keeps its files; default: a temporary one, removed at the end.
   * @param given.backend `filesystem` survives a restart, but a folder that was emptied there stays.
   */
  static async start({
    directory: given,
    backend = 'memory',
  }: { readonly directory?: string; readonly backend?: 'memory' | 'filesystem' } = {}): Promise<GcsServer> {
    const directory = given ?? (await mkdtemp(join(tmpdir(), 'vivace-gcs-')));
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const args = [
      `-scheme=http -host=127.0.0.1 -port=${port} -external-url= -log-level=error -backend=${backend}`.split(
        ' ',
      ),
      `-filesystem-root=${directory}`,
    ].flat();
    // It writes to a temporary file first, which it moves: so both are on one file system.
    const env = { TMPDIR: directory };
    const process = await ServerProcess.start({
      path: pathOf(fakeGcs),
      args,
      port,
      ...(backend === 'memory' ? {} : { env }),
    });
    await fetch(`${url}/storage/v1/b?project=test`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: GcsServer.bucket }),
    });
    return new GcsServer(port, process, directory, given === undefined);
  }

  /** @param own May name another `endpoint`, as that of a proxy before the server. */
  options(own: object = {}): object {
    return {
      bucket: GcsServer.bucket,
      prefix: `${randomUUID()}/`,
      projectId: 'test',
      endpoint: `http://127.0.0.1:${this.port}`,
      anonymous: true,
      ...own,
    };
  }

  async stop(): Promise<void> {
    await this.process.kill();
    if (this.#own) await rm(this.#directory, { recursive: true, force: true });
  }
}
