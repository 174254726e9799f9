import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { VivaceError, type PartContext } from 'vivace';
import { listenError } from './listen-error.js';

/** Where probes are answered, and when a server counts as stuck. */
export interface ProbeOptions {
  readonly port: number;
  readonly host: string;
  readonly stuckAfterMs: number;
}

/** What the thread says. */
export type ProbeMessage =
  | { readonly port: number }
  | { readonly failed: { readonly message: string; readonly code: string | undefined } };

/** Answers health checks in a thread of its own, so that they are answered however busy the event loop is, and also when it hangs. */
export class Probes {
  readonly #worker: Worker;
  readonly #options: ProbeOptions;
  /** Where it answers. */
  readonly address: string;

  private constructor(worker: Worker, options: ProbeOptions, address: string) {
    this.#worker = worker;
    this.#options = options;
    this.address = address;
  }

  /** @throws {VivaceError} `FAILED_PRECONDITION` where the port is taken and the like. */
  static async listen(options: ProbeOptions, { log }: Pick<PartContext, 'log'>): Promise<Probes> {
    const { host, port } = options;
    const worker = new Worker(new URL('./probe-thread.js', import.meta.url), {
      workerData: options,
      // Options of the process, such as a script on the command line, are not for the thread.
      execArgv: [],
    });
    worker.unref();
    let message: ProbeMessage;
    try {
      [message] = (await once(worker, 'message')) as [ProbeMessage];
    } catch (cause) {
      throw new VivaceError('FAILED_PRECONDITION', 'the thread for probes did not start', { cause });
    }
    if ('failed' in message) {
      await worker.terminate();
      const { message: text, code } = message.failed;
      throw listenError(Object.assign(new Error(text), { code }), { host, port });
    }
    // Nobody answers probes from now on, so the pod is started again.
    worker.on('error', (error) => log.error('the thread for probes has failed', { error }));
    return new Probes(worker, options, `http://${host.includes(':') ? `[${host}]` : host}:${message.port}`);
  }

  /** Whether it answers as these options say, so that a part which takes over from another one can go on with it. */
  isFor({
    port,
    host = this.#options.host,
    stuckAfterMs,
  }: Omit<ProbeOptions, 'host'> & { host?: string | undefined }): boolean {
    const own = this.#options;
    return port !== 0 && own.port === port && own.host === host && own.stuckAfterMs === stuckAfterMs;
  }

  /** Says where the server writes its state. */
  read(memory: SharedArrayBuffer): void {
    this.#worker.postMessage(memory, []);
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
