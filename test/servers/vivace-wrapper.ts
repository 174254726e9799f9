import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fixtures } from '../fixtures/bundles.js';
import { pathOf } from './programs.js';
import { python } from './python.js';

/** `python -m vivace_wrapper serve`, as another container would run it. */
export class ServedModels {
  readonly socket: string;
  readonly process: ChildProcess;
  readonly #directory: string;

  private constructor(process: ChildProcess, directory: string) {
    this.process = process;
    this.#directory = directory;
    this.socket = join(directory, 'model.sock');
  }

  static async start(...more: readonly string[]): Promise<ServedModels> {
    const directory = await mkdtemp(join(tmpdir(), 'vivace-wrapper-'));
    const socket = join(directory, 'model.sock');
    const served = spawn(
      pathOf(python),
      ['-m', 'vivace_wrapper', 'serve', '--socket', socket, '--models', fixtures, ...more],
      {
        env: {
          PATH: process.env['PATH'],
          PYTHONPATH: resolve('adapters/python/wrapper'),
          PYTHONDONTWRITEBYTECODE: '1',
        },
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    const [line] = (await once(createInterface(served.stdout), 'line')) as [string];
    if (!line.startsWith('listening')) throw new Error(line);
    served.stdout.resume();
    return new ServedModels(served, directory);
  }

  async stop(): Promise<void> {
    if (this.process.exitCode === null) {
      const ended = once(this.process, 'exit');
      // The second ends it at once though a model is loaded. Two of a kind may arrive as one.
      this.process.kill('SIGTERM');
      this.process.kill('SIGINT');
      await ended;
    }
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** Serves the fixtures while the tests of a suite run. */
export function servedModels(): { socket(): string; pid(): number } {
  let served: ServedModels | undefined;
  before(async () => (served = await ServedModels.start()));
  after(() => served?.stop());
  return { socket: () => served!.socket, pid: () => served!.process.pid! };
}
