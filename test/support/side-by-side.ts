import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './repository.js';

/** What mocha counted. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly pending: number;
}

/** How `runSideBySide` starts mocha and prints. */
export interface SideBySideOptions {
  /** More arguments, the same for each process. */
  readonly args?: readonly string[];
  /** Takes what the processes print; default: standard output. */
  readonly print?: (text: Uint8Array) => void;
}

/**
 * Runs mocha in one process for each list of files, all at the same time.
 *
 * What the first prints appears as it comes; what another prints, once those before it have ended. SIGTERM and SIGINT end them all.
 *
 * @returns The sums. A process that ends badly though no test has failed counts as a failed test.
 */
export async function runSideBySide(
  lists: readonly (readonly string[])[],
  { args = [], print = (text) => void process.stdout.write(text) }: SideBySideOptions = {},
): Promise<Counts> {
  const directory = mkdtempSync(join(tmpdir(), 'vivace-tests-'));
  const runs = lists.map((files, i) => new Run([...args, ...files], join(directory, `${i}.json`)));
  const end = (signal: NodeJS.Signals): void => runs.forEach((run) => run.end(signal));
  process.on('SIGTERM', end).on('SIGINT', end);
  try {
    const counts: Counts[] = [];
    for (const run of runs) counts.push(await run.printed(print));
    const sum = (name: keyof Counts): number => counts.reduce((total, each) => total + each[name], 0);
    return { passed: sum('passed'), failed: sum('failed'), pending: sum('pending') };
  } finally {
    process.off('SIGTERM', end).off('SIGINT', end);
    rmSync(directory, { recursive: true });
  }
}

/** One process of mocha. */
class Run {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #summary: string;
  readonly #held: Uint8Array[] = [];
  #print = (text: Uint8Array): void => void this.#held.push(text);

  constructor(args: readonly string[], summary: string) {
    this.#summary = summary;
    this.#child = spawn(process.execPath, [join(root, 'node_modules/mocha/bin/mocha.js'), ...args], {
      cwd: root,
      env: { ...process.env, VIVACE_TEST_SUMMARY: summary },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#ended = once(this.#child, 'close');
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.on('data', (text: Uint8Array) => this.#print(text));
  }

  /** Prints what it has printed, and goes on until it ends. */
  async printed(print: (text: Uint8Array) => void): Promise<Counts> {
    this.#held.forEach(print);
    this.#print = print;
    await this.#ended;
    const { exitCode, signalCode } = this.#child;
    const said = `mocha ended with ${exitCode ?? signalCode}`;
    if (!existsSync(this.#summary)) {
      print(Buffer.from(`\n  ${said} before it had counted its tests\n\n`));
      return { passed: 0, failed: 1, pending: 0 };
    }
    const counts = JSON.parse(readFileSync(this.#summary, 'utf8')) as Counts;
    if (exitCode === 0 || counts.failed > 0) return counts;
    print(Buffer.from(`\n  ${said} though no test had failed\n\n`));
    return { ...counts, failed: 1 };
  }

  end(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}
