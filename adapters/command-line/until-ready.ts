import { abortError, type ServerOf } from 'vivace';
import { pause } from 'vivace/kit';

const modelsWaitMs = 60_000;

/**
 * Waits for a server whose models load in the background. It waits a minute at most: a model that never loads answers with its own error.
 *
 * @throws The reason of `signal`, where the user interrupts.
 */
export async function untilReady(server: ServerOf, signal: AbortSignal): Promise<void> {
  const until = performance.now() + modelsWaitMs;
  while (!server.control.readiness().ready && performance.now() < until) {
    await pause(20, { signal, ref: true });
    if (signal.aborted) throw abortError(signal);
  }
}
