import { setMaxListeners } from 'node:events';
import { abortError } from './errors.js';

/** Settles as `promise` does, or rejects as soon as `signal` aborts; the promise's later answer is dropped. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => undefined);
    return Promise.reject(abortError(signal));
  }
  // Many waits may share one signal, such as those of the batches of one call, which is not a leak.
  setMaxListeners(0, signal);
  return new Promise<T>((resolve, reject) => {
    const leave = (): void => reject(abortError(signal));
    signal.addEventListener('abort', leave, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
