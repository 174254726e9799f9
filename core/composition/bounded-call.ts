import { setMaxListeners } from 'node:events';
import type { Call } from '../kernel/call.js';
import { abortError, VivaceError } from '../kernel/errors.js';
import { startTimer } from '../kernel/timer.js';
import { untilAborted } from '../kernel/until-aborted.js';

/**
 * Runs a call that ends when its signal aborts, at its deadline, or when the server cuts off what is in flight; work that is still running
 * then is abandoned.
 */
export async function bounded<C extends Call, T>(
  call: C,
  cut: AbortSignal,
  run: (call: C) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const { signal, deadline } = call;
  const leave = (): void => controller.abort(abortError(signal));
  const end = (): void => controller.abort(abortError(cut));
  if (signal.aborted) throw abortError(signal);
  if (cut.aborted) throw abortError(cut);
  // Many calls may share one signal, which is not a leak.
  setMaxListeners(0, signal);
  signal.addEventListener('abort', leave, { once: true });
  cut.addEventListener('abort', end, { once: true });
  let timer: NodeJS.Timeout | undefined;
  if (deadline !== undefined) {
    const late = (): void =>
      controller.abort(new VivaceError('DEADLINE_EXCEEDED', 'the deadline has passed'));
    const leftMs = Math.ceil(deadline - performance.now());
    if (leftMs <= 0) late();
    else timer = startTimer(late, leftMs);
  }
  try {
    if (controller.signal.aborted) throw abortError(controller.signal);
    return await untilAborted(run(call.derive({ signal: controller.signal })), controller.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', leave);
    cut.removeEventListener('abort', end);
  }
}
