import { codeOf } from '../kernel/errors.js';
import { pause } from '../kernel/timer.js';

/** An open loop: calls at a rate, whether or not earlier calls have been answered. */
export interface OpenLoopOptions {
  /** Calls per second, on average; the moments are as random as those of independent callers. */
  readonly perSecond: number;
  /** How long calls are begun, seconds. */
  readonly seconds: number;
  /** Ends the loop: no call begins any more, and those in flight are not waited for. */
  readonly signal?: AbortSignal;
  /** Numbers in [0, 1), for moments that are the same in every run; default: `Math.random`. */
  readonly random?: () => number;
}

/** What became of the calls of an open loop. */
export interface OpenLoopResult {
  /** Milliseconds from the moment at which each answered call was due: a call that begins late has waited, too. */
  readonly latenciesMs: readonly number[];
  /** Failed calls, by the code of the error. */
  readonly failures: Readonly<Record<string, number>>;
  /** Calls that were in flight when the signal aborted. */
  readonly unfinished: number;
  /** How long it took, seconds; the last answers included. */
  readonly seconds: number;
}

/**
 * Makes calls at a given rate, whether or not earlier calls have been answered: a slow server does not slow its callers down, as it would in
 * a loop of clients that wait for one another.
 *
 * @param call Makes the call of an index, from 0; gets when it was due, in milliseconds of `performance.now()`.
 */
export async function openLoop(
  call: (index: number, dueMs: number) => Promise<unknown>,
  { perSecond, seconds, signal, random = Math.random }: OpenLoopOptions,
): Promise<OpenLoopResult> {
  const latenciesMs: number[] = [];
  const failures: Record<string, number> = {};
  const running = new Set<Promise<void>>();
  const from = performance.now();
  for (let i = 0, due = from; ; i++) {
    due += (-Math.log(1 - random()) * 1000) / perSecond;
    if (due > from + seconds * 1000) break;
    await until(due, signal);
    if (signal?.aborted === true) break;
    const begun = due;
    const answered = call(i, due).then(
      () => void latenciesMs.push(performance.now() - begun),
      (error: unknown) => {
        if (signal?.aborted === true) return;
        const code = codeOf(error);
        failures[code] = (failures[code] ?? 0) + 1;
      },
    );
    running.add(answered);
    void answered.finally(() => running.delete(answered));
  }
  await Promise.race([Promise.all(running), aborted(signal)]);
  return { latenciesMs, failures, unfinished: running.size, seconds: (performance.now() - from) / 1000 };
}

async function aborted(signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted === true) return;
  await new Promise((done) => signal?.addEventListener('abort', done, { once: true }));
}

/** Waits for a moment of `performance.now()`: a timer may ring a little early. */
async function until(due: number, signal: AbortSignal | undefined): Promise<void> {
  const waitMs = due - performance.now();
  if (waitMs <= 0 || signal?.aborted === true) return;
  await pause(Math.ceil(waitMs), { ref: true, ...(signal === undefined ? {} : { signal }) });
  await until(due, signal);
}
