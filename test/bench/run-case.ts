import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Figure } from './bench-case.js';

/** A case of some build. */
export interface BuiltCase {
  /** The build's `dist` folder, absolute. */
  readonly dist: string;
  /** The module in `test/bench/cases/`, without its extension. */
  readonly module: string;
}

/** What a run of a case gave: its figures, or why there are none. */
export type Outcome = { readonly figures: readonly Figure[] } | { readonly failed: string };

/**
 * Runs a case in a process of its own; when that has answered, it and everything it started have ended.
 *
 * @param options.directory Where the case keeps its files; the caller removes it.
 * @throws The reason of `signal`, once that has aborted and the processes have ended.
 */
export async function runCase(
  built: BuiltCase,
  { directory, signal }: { readonly directory: string; readonly signal: AbortSignal },
): Promise<Outcome> {
  signal.throwIfAborted();
  const child = fork(new URL('./children/run-case.js', import.meta.url), [JSON.stringify(built)], {
    // A group of its own, to end with it what the case has started.
    detached: true,
    env: { ...process.env, TMPDIR: directory },
    // Standard output is for the table.
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const end = (): void => endGroup(child);
  signal.addEventListener('abort', end);
  const exit = once(child, 'exit') as Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  const outcome = await Promise.race([
    once(child, 'message').then(([message]) => message as Outcome),
    exit.then(([code, by]) => ({ failed: `its process ended with ${by ?? `code ${code}`}` })),
  ]);
  end();
  await exit;
  signal.removeEventListener('abort', end);
  signal.throwIfAborted();
  return outcome;
}

function endGroup({ pid }: ChildProcess): void {
  try {
    process.kill(-pid!, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
