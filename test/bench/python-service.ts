import { join } from 'node:path';
import { vendored, type Found } from '../servers/programs.js';
import { freePort, ServerProcess } from '../servers/server-process.js';
import { root } from '../support/repository.js';
import type { Usage } from './child.js';
import { processUsage } from './process-usage.js';

/** Python with what the services by hand import: see python/requirements.txt. */
export const python: Found = vendored('bench/bin/python');

/** A service of `python/`, written by hand, in a process of its own. */
export class PythonService {
  readonly url: string;
  readonly #process: ServerProcess;

  private constructor(url: string, process: ServerProcess) {
    this.url = url;
    this.#process = process;
  }

  /** @param given What the service reads as JSON from its command line, beside the port. */
  static async start(file: string, given: Readonly<Record<string, unknown>>): Promise<PythonService> {
    if ('missing' in python) throw new Error(`${python.missing}: see test/bench/python/requirements.txt`);
    const port = await freePort();
    const args = [join(root, 'test/bench/python', file), JSON.stringify({ ...given, port })];
    return new PythonService(
      `http://127.0.0.1:${port}`,
      await ServerProcess.start({ path: python.path, args, port }),
    );
  }

  async usage(): Promise<Usage> {
    return processUsage(this.#process.pid);
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }
}
