import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { devNull } from 'node:os';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { messageOf, VivaceError } from 'vivace';
import { endedWithin, threadsOf } from 'vivace/kit';
import type { WorkerProcess } from './worker-connection.js';

/**
 * The Python package that runs in a worker: it is found here, and installed nowhere. Interpreters start in it, because Python takes modules
 * of the directory where it starts for its own, and a model's folder may have a `json.py`.
 */
export const wrapperDirectory = fileURLToPath(new URL('../../../adapters/python/wrapper/', import.meta.url));

/** Environment variables that a worker gets from the server's own. */
const passedOn = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'];

/** How long a worker may take to leave after it was told goodbye, and after it was asked to end, milliseconds. */
const goodbyeMs = 5_000;
const terminateMs = 3_000;

/** Descriptors that the start of a process takes for a moment: two for each stream, and some beside them. */
const startDescriptors = 16;

export interface SpawnOptions {
  readonly interpreter: string;
  /** Names of more environment variables that are passed on. */
  readonly env: readonly string[];
  /** 0 is the CPU limit of the container. */
  readonly threads: number;
}

/** Starts the interpreter with nothing of the server's environment but what is listed. */
export function workerEnvironment({
  env,
  threads,
}: Pick<SpawnOptions, 'env' | 'threads'>): Record<string, string> {
  const own: Record<string, string> = {};
  for (const name of [...passedOn, ...env]) {
    const value = process.env[name];
    if (value !== undefined) own[name] = value;
  }
  const count = String(threadsOf(threads));
  return {
    ...own,
    PYTHONPATH: [wrapperDirectory, ...(own['PYTHONPATH'] === undefined ? [] : [own['PYTHONPATH']])].join(':'),
    PYTHONUNBUFFERED: '1',
    // The bundle lies in a cache that is compared with its digests.
    PYTHONDONTWRITEBYTECODE: '1',
    OMP_NUM_THREADS: count,
    OPENBLAS_NUM_THREADS: count,
    MKL_NUM_THREADS: count,
  };
}

/** A worker as a process of the server's own, which speaks frames on descriptor 3. */
export class SpawnedWorker implements WorkerProcess {
  readonly socket: Socket;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly ended: Promise<string>;
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#process = child;
    this.stdout = child.stdout!;
    this.stderr = child.stderr!;
    this.socket = child.stdio[3] as Socket;
    this.ended = once(child, 'exit').then(([code, signal]) =>
      howItEnded(code as number | null, signal as string | null),
    );
  }

  /**
   * @throws {VivaceError} `FAILED_PRECONDITION` where there is no such interpreter, `RESOURCE_EXHAUSTED` where the system starts no more
   *   processes.
   */
  static async start(options: SpawnOptions): Promise<SpawnedWorker> {
    try {
      checkDescriptors();
      const child = spawn(options.interpreter, ['-m', 'vivace_wrapper', 'worker'], {
        cwd: wrapperDirectory,
        env: workerEnvironment(options),
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      });
      // A process for which no descriptor was left has no streams: it is looked at only once it runs.
      await once(child, 'spawn');
      return new SpawnedWorker(child);
    } catch (error) {
      if (isMissing(error)) throw noInterpreter(options.interpreter, error);
      throw new VivaceError('RESOURCE_EXHAUSTED', `no process can be started: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** Ends it after it was told goodbye: it has five seconds to leave, and two more once it is asked to end. */
  async stop(): Promise<void> {
    if (!(await endedWithin(this.ended, goodbyeMs))) this.kill();
    await this.ended;
  }

  kill(): void {
    // The supervisor sees the hang-up, and ends every process of the worker.
    this.socket.destroy();
    void endedWithin(this.ended, terminateMs).then((hasEnded) => {
      if (!hasEnded) this.#process.kill('SIGKILL');
    });
  }
}

/**
 * Node keeps some of the descriptors of a process for which there were not enough, so it is asked only where there are.
 *
 * @throws {Error} `EMFILE`, `ENFILE`.
 */
function checkDescriptors(): void {
  const taken: number[] = [];
  try {
    while (taken.length < startDescriptors) taken.push(openSync(devNull, 'r'));
  } finally {
    for (const descriptor of taken) closeSync(descriptor);
  }
}

/** How a process ended, in words: `ended with code 3`. */
export function howItEnded(code: number | null, signal: string | null): string {
  if (signal !== null) return `was ended by ${signal}`;
  // As shells write it: 128 and the number of the signal.
  if (code !== null && code > 128) return `was ended by signal ${code - 128}`;
  return `ended with code ${code}`;
}

/** What to say where an interpreter does not start. */
export function noInterpreter(interpreter: string, cause: unknown): VivaceError {
  return new VivaceError(
    'FAILED_PRECONDITION',
    `${interpreter} does not start: install Python, or name an interpreter in the option \`interpreter\``,
    { cause },
  );
}

/** Whether a program could not be started because it is not there, or may not be run. */
export function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'EACCES';
}
