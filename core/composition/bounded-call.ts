import type { Call } from '../kernel/call.js';
import { abortError, VivaceError } from '../kernel/errors.js';
import { onAbort } from '../kernel/on-abort.js';
import { startTimer } from '../kernel/timer.js';

/** Ends calls when the server cuts off what is in flight: one listener for all of them. */
const cuts = new WeakMap<AbortSignal, Set<(reason: VivaceError) => void>>();

/**
 * Runs a call that ends when its signal aborts, at its deadline, or when the server cuts off what is in flight; work that is still running
 * then is abandoned.
 */
export function bounded<C extends Call, T>(
  call: C,
  cut: AbortSignal,
  run: (call: C) => Promise<T>,
): Promise<T> {
  const { signal, deadline } = call;
  if (signal.aborted) return Promise.reject(abortError(signal));
  if (cut.aborted) return Promise.reject(abortError(cut));
  const leftMs = deadline === undefined ? undefined : Math.ceil(deadline - performance.now());
  if (leftMs !== undefined && leftMs <= 0) return Promise.reject(late());
  const controller = new AbortController();
  const running = runningUntil(cut);
  return new Promise<T>((resolve, reject) => {
    const end = (reason: VivaceError): void => {
      controller.abort(reason);
      reject(reason);
    };
    const stopListening = onAbort(signal, () => end(abortError(signal)));
    running.add(end);
    const timer = leftMs === undefined ? undefined : startTimer(() => end(late()), leftMs);
    const done = (): void => {
      clearTimeout(timer);
      running.delete(end);
      stopListening();
    };
    // Within a promise, so that what is thrown at once is like what is thrown later.
    const begun = new Promise<T>((settle) => settle(run(call.derive({ signal: controller.signal }))));
    begun.then(resolve, reject).finally(done);
  });
}

const never = new AbortController().signal;

/** What a promise gives, unless the call's signal aborts, or its deadline passes, before. */
export function waiting<T>(call: Call, promise: Promise<T>): Promise<T> {
  return bounded(call, never, () => promise);
}

function late(): VivaceError {
  return new VivaceError('DEADLINE_EXCEEDED', 'the deadline has passed');
}

/** What ends the calls that run until a signal aborts. */
function runningUntil(cut: AbortSignal): Set<(reason: VivaceError) => void> {
  const known = cuts.get(cut);
  if (known !== undefined) return known;
  const running = new Set<(reason: VivaceError) => void>();
  cuts.set(cut, running);
  cut.addEventListener(
    'abort',
    () => {
      for (const end of running) end(abortError(cut));
    },
    { once: true },
  );
  return running;
}
