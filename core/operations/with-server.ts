import type { Server } from '../composition/server-interface.js';
import type { CallContext } from '../kernel/call.js';
import { abortError } from '../kernel/errors.js';

/** Runs `work` with a server and stops it afterwards, whether `work` succeeded or failed. */
export async function withServer<S extends Server, T>(
  server: S,
  work: (server: S) => Promise<T>,
): Promise<T> {
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

/**
 * Starts the parts that an operation needs where the server is new; a server that has started is used as it is. Where the signal aborts
 * meanwhile, the server is stopped.
 *
 * @param options.timeoutMs How long each part may take; default: the server's `startTimeoutMs`.
 */
export async function startNeeded(
  server: Server,
  names: readonly string[],
  { signal, timeoutMs }: Pick<CallContext, 'signal'> & { readonly timeoutMs?: number },
): Promise<void> {
  if (server.control.state !== 'created') return;
  if (signal.aborted) throw abortError(signal);
  const stop = (): void => void server.stop().catch(() => undefined);
  signal.addEventListener('abort', stop, { once: true });
  try {
    await server.startOnly(names, timeoutMs === undefined ? {} : { timeoutMs });
  } catch (error) {
    throw signal.aborted ? abortError(signal) : error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
