import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { abortError, type Bundle, type ModelCheckContext, type ModelCheck } from 'vivace';
import { endedWithin } from 'vivace/kit';
import { checkInterpreter } from './interpreter.js';
import { readLines } from './log-lines.js';
import type { PythonOptions } from './options.js';
import { howItEnded, isMissing, noInterpreter, workerEnvironment } from './spawned-worker.js';

/** How long what a model has started may hold its output open after it has ended, milliseconds. */
const outputMs = 1_000;

/** What `check --json` prints. */
type Report =
  | {
      readonly ok: true;
      readonly loadSeconds: number;
      readonly selfTest: 'passed' | 'none';
      readonly timings: Extract<ModelCheck, { passed: true }>['timings'];
      readonly warnings: readonly string[];
    }
  | { readonly ok: false; readonly error: string };

interface Surroundings extends Pick<ModelCheckContext, 'signal'> {
  readonly onLine: ModelCheckContext['onLine'];
  readonly now: () => number;
}

/**
 * Runs the wrapper's own check of a bundle, with this machine's interpreter also where models are served in another container.
 *
 * @throws {VivaceError} `FAILED_PRECONDITION` where the interpreter does not start or cannot import numpy; the signal's error.
 */
export async function checkModel(
  { directory }: Bundle,
  options: PythonOptions,
  { signal, onLine, now }: Surroundings,
): Promise<ModelCheck> {
  const { interpreter, socket, threads, requirements } = options;
  // Otherwise it was tried when the part started.
  if (socket !== undefined) await checkInterpreter(options, { signal });
  if (signal.aborted) throw abortError(signal);
  const child = spawn(
    interpreter,
    [
      '-m',
      'vivace_wrapper',
      'check',
      directory,
      '--json',
      `--threads=${threads}`,
      `--requirements=${requirements}`,
    ],
    { cwd: directory, env: workerEnvironment(options), stdio: ['ignore', 'pipe', 'pipe'] },
  );
  // A model that spins hears nothing else.
  const kill = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  readLines(child.stderr, onLine ?? (() => undefined), now);
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (printed += chunk));
  const closed = once(child, 'close').catch(() => undefined);
  try {
    const [code, ended] = (await once(child, 'exit')) as [number | null, string | null];
    // Not for ever: processes that the model has left behind may hold it open.
    await endedWithin(closed, outputMs);
    child.stdout.destroy();
    child.stderr.destroy();
    if (signal.aborted) throw abortError(signal);
    return checkOf(printed) ?? { passed: false, reason: `its process ${howItEnded(code, ended)}` };
  } catch (error) {
    if (isMissing(error)) throw noInterpreter(interpreter, error);
    throw error;
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

/** @returns `undefined` where the process ended before it had printed what it found. */
function checkOf(printed: string): ModelCheck | undefined {
  if (!printed.endsWith('\n')) return undefined;
  const report = JSON.parse(printed) as Report;
  if (!report.ok) return { passed: false, reason: report.error };
  const { loadSeconds, selfTest, timings, warnings } = report;
  return { passed: true, loadMs: Math.round(loadSeconds * 1_000), selfTest, timings, warnings };
}
