import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { vendored, type Found } from '../servers/programs.js';
import { freePort, ServerProcess } from '../servers/server-process.js';
import { root } from '../support/repository.js';
import type { Usage } from './child.js';

/** Python with what the services by hand import: see python/requirements.txt. */
export const python: Found = vendored('bench/bin/python');

/** Ticks of a process' CPU time in /proc, microseconds: USER_HZ is 100 on every Linux that Node supports. */
const tickMicros = 10_000;

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
    const stat = await readFile(`/proc/${this.#process.pid}/stat`, 'utf8');
    const status = await readFile(`/proc/${this.#process.pid}/status`, 'utf8');
    // The name in parentheses may hold blanks; utime and stime are the fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const cpuMicros = (Number(fields[11]) + Number(fields[12])) * tickMicros;
    return { cpuMicros, maxRssBytes: Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) * 1024 };
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }
}
