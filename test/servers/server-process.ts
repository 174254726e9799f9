import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ServerCommand {
  readonly path: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Resolves when the server answers; default: as soon as `port` takes connections. */
  readonly ready?: () => Promise<void>;
  readonly port?: number;
}

const running = new Set<ChildProcess>();
// A run that is broken off leaves no servers behind.
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** Another program that serves on loopback, as a test starts, freezes, kills and restarts it. */
export class ServerProcess {
  readonly #command: ServerCommand;
  #child: ChildProcess | undefined;
  #output = '';

  private constructor(command: ServerCommand) {
    this.#command = command;
  }

  static async start(command: ServerCommand): Promise<ServerProcess> {
    const server = new ServerProcess(command);
    await server.start();
    return server;
  }

  /** What it has printed since its last start. */
  get output(): string {
    return this.#output;
  }

  get pid(): number {
    return this.#child!.pid as number;
  }

  /** Starts it again after `kill` or `stop`, on the same port with the same files. */
  async start(): Promise<void> {
    const { path, args, env, cwd, ready, port } = this.#command;
    const child = spawn(path, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
    running.add(child);
    this.#child = child;
    this.#output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-20_000);
      });
    }
    const ended = new Promise<never>((_, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        running.delete(child);
        reject(new Error(`${path} ended (${code ?? signal}):\n${this.#output}`));
      });
    });
    ended.catch(() => undefined);
    try {
      await Promise.race([ended, (ready ?? (() => untilListening(port as number)))()]);
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  /** Stops it in the middle of whatever it does; its connections stay open and silent. */
  freeze(): void {
    this.#child!.kill('SIGSTOP');
    untilStopped(this.pid);
  }

  thaw(): void {
    this.#child!.kill('SIGCONT');
  }

  /** Ends it at once, as a crash does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Asks it to end, and insists after five seconds. */
  async stop(): Promise<void> {
    const insist = setTimeout(() => this.#child?.kill('SIGKILL'), 5000);
    await this.#end('SIGTERM');
    clearTimeout(insist);
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    // A frozen process ends only after it goes on, unless it is killed.
    if (signal !== 'SIGKILL') child.kill('SIGCONT');
    await exit;
  }
}

/** Waits until every thread has stopped: on a busy machine one may answer a last request after the signal was sent. */
function untilStopped(pid: number): void {
  const until = performance.now() + 5000;
  const tasks = `/proc/${pid}/task`;
  const isStopped = (task: string): boolean => {
    try {
      return readFileSync(`${tasks}/${task}/stat`, 'utf8').split(') ').at(-1)!.startsWith('T');
    } catch {
      return true; // The thread has ended meanwhile.
    }
  };
  while (existsSync(tasks) && !readdirSync(tasks).every(isStopped) && performance.now() < until);
}

/** Ports that were given away, and may not be in use yet. */
const given = new Set<number>();

/** The ports that the system gives to connections and to servers that ask for none begin here. */
function firstOfSystem(): number {
  const range = '/proc/sys/net/ipv4/ip_local_port_range';
  const first = existsSync(range) ? Number.parseInt(readFileSync(range, 'utf8'), 10) : 32_768;
  // Where the system takes nearly all of them, there is nothing to stay clear of.
  return first > 12_000 ? first : 65_536;
}

/**
 * A port that was free a moment ago, and that nobody else in this process has been given. The system gives it to nobody: between here and
 * its use many connections may begin, in this process and in those beside it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, firstOfSystem());
    if (given.has(port)) continue;
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    given.add(port);
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** Waits until a port takes connections. @throws after `timeoutMs` */
export async function untilListening(port: number, timeoutMs = 30_000): Promise<void> {
  await eventually(
    () =>
      new Promise<void>((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.destroy();
          resolve();
        });
        socket.once('error', reject);
      }),
    timeoutMs,
  );
}

/** Repeats `attempt` until it does not throw; gives up with its last error. */
export async function eventually<T>(attempt: () => T | Promise<T>, timeoutMs = 30_000): Promise<T> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > until) throw error;
      await sleep(20);
    }
  }
}
