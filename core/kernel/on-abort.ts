import { setMaxListeners } from 'node:events';

/** How often each signal has been listened to. */
const counts = new WeakMap<AbortSignal, number>();
/** Well below the number of listeners from which Node warns, since others listen too. */
const warnsSoon = 4;

/**
 * Calls `leave` when a signal aborts. Any number of callers may share one signal, which is not a leak: Node's warning of one is turned off,
 * only where they do, because that costs more than all else here.
 *
 * @returns Stops listening.
 */
export function onAbort(signal: AbortSignal, leave: () => void): () => void {
  const count = (counts.get(signal) ?? 0) + 1;
  counts.set(signal, count);
  if (count === warnsSoon) setMaxListeners(0, signal);
  signal.addEventListener('abort', leave, { once: true });
  return () => signal.removeEventListener('abort', leave);
}
