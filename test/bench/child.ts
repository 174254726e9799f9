import { fork, type ChildProcess, type ForkOptions } from 'node:child_process';
import { once } from 'node:events';
import { cpuWithChildren } from './process-usage.js';

/** What a child process has used since it began. */
export interface Usage {
  /** With that of the processes it has started. */
  readonly cpuMicros: number;
  readonly maxRssBytes: number;
}

type Message = { readonly ready: unknown } | { readonly usage: Usage };

/** A process of the bench's own: a server under load, or work whose memory is measured. */
export class Child {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  /**
   * Starts a module of this folder, with `argument` as JSON, and waits for what it says when it is ready.
   *
   * @throws {Error} Where it ends before.
   */
  static async start<T>(
    module: string,
    argument: unknown,
    options: ForkOptions = {},
  ): Promise<{ readonly child: Child; readonly ready: T }> {
    const forked = fork(new URL(module, import.meta.url), [JSON.stringify(argument)], options);
    const child = new Child(forked);
    const { ready } = (await child.#next()) as { ready: T };
    return { child, ready };
  }

  async usage(): Promise<Usage> {
    this.#process.send('usage');
    return ((await this.#next()) as { usage: Usage }).usage;
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.disconnect();
    await ended;
  }

  async #next(): Promise<Message> {
    return new Promise((resolve, reject) => {
      const failed = (code: number | null): void => reject(new Error(`a child process ended with ${code}`));
      this.#process.once('exit', failed);
      this.#process.once('message', (message) => {
        this.#process.off('exit', failed);
        resolve(message as Message);
      });
    });
  }
}

/** The child's side: does `start` with its argument, says what that gave, and then answers for its use until the parent lets go. */
export async function asChild<A>(
  start: (argument: A) => Promise<{ readonly ready: unknown; readonly stop?: () => Promise<void> }>,
): Promise<void> {
  const { ready, stop } = await start(JSON.parse(process.argv[2] as string) as A);
  process.on('message', () => {
    void cpuWithChildren().then((cpuMicros) =>
      process.send!({ usage: { cpuMicros, maxRssBytes: process.resourceUsage().maxRSS * 1024 } }),
    );
  });
  process.once('disconnect', () => void Promise.resolve(stop?.()).then(() => process.exit(0)));
  process.send!({ ready });
}
