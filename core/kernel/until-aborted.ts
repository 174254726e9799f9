import { abortError } from './errors.js';
import { onAbort } from './on-abort.js';

/** Settles as `promise` does, or rejects as soon as `signal` aborts; the promise's later answer is dropped. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => undefined);
    return Promise.reject(abortError(signal));
  }
  return new Promise<T>((resolve, reject) => {
    const stopListening = onAbort(signal, () => reject(abortError(signal)));
    promise.then(resolve, reject).finally(stopListening);
  });
}
