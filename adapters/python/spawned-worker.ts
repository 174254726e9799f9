import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { VivaceError } from 'vivace';
import { pause, threadsOf } from 'vivace/kit';
import type { WorkerProcess } from './worker-connection.js';

/** The Python package that runs in a worker: it is found here, and installed nowhere. */
export const wrapperDirectory = fileURLToPath(new URL('../../../adapters/python/wrapper/', import.meta.url));

/** Environment variables that a worker gets from the server's own. */
const passedOn = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'];

/** How long a worker may take to leave after it was told goodbye, and after it was asked to end, milliseconds. */
const goodbyeMs = 5_000;
const terminateMs = 3_000;

export interface SpawnOptions {
  readonly interpreter: string;
  /** Names of more environment variables that are passed on. */
  readonly env: readonly string[];
  /** 0 is the CPU limit of the container. */
  readonly threads: number;
  readonly directory: string;
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
  #hasEnded = false;

  private constructor(child: ChildProcess) {
    this.#process = child;
    this.stdout = child.stdout!;
    this.stderr = child.stderr!;
    this.socket = child.stdio[3] as Socket;
    this.ended = once(child, 'exit').then(([code, signal]) => {
      this.#hasEnded = true;
      return howItEnded(code as number | null, signal as string | null);
    });
  }

  /** @throws {VivaceError} `FAILED_PRECONDITION` where there is no such interpreter. */
  static async start(options: SpawnOptions): Promise<SpawnedWorker> {
    const child = spawn(options.interpreter, ['-m', 'vivace_wrapper', 'worker'], {
      cwd: options.directory,
      env: workerEnvironment(options),
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    const worker = new SpawnedWorker(child);
    try {
      await once(child, 'spawn');
    } catch (error) {
      worker.ended.catch(() => undefined);
      throw noInterpreter(options.interpreter, error);
    }
    return worker;
  }

  /** Ends it after it was told goodbye: it has five seconds to leave, and two more once it is asked to end. */
  async stop(): Promise<void> {
    if (!(await this.#endsWithin(goodbyeMs))) this.kill();
    await this.ended;
  }

  kill(): void {
    // The supervisor sees the hang-up, and ends every process of the worker.
    this.socket.destroy();
    void this.#endsWithin(terminateMs).then((hasEnded) => {
      if (!hasEnded) this.#process.kill('SIGKILL');
    });
  }

  async #endsWithin(durationMs: number): Promise<boolean> {
    const ended = new AbortController();
    const late = pause(durationMs, { signal: ended.signal });
    await Promise.race([this.ended, late]);
    ended.abort();
    return this.#hasEnded;
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
