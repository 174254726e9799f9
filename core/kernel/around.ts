import { isThenable } from './thenable.js';

/**
 * Calls `next` and then `ended`, which gets the error where `next` failed. What `next` answers or throws passes through, and a synchronous
 * answer stays synchronous.
 */
export function around<T>(next: () => T, ended: (failure?: { readonly error: unknown }) => void): T {
  let answer: T;
  try {
    answer = next();
  } catch (error) {
    ended({ error });
    throw error;
  }
  if (!isThenable(answer)) {
    ended();
    return answer;
  }
  return Promise.resolve(answer).then(
    (value: unknown) => {
      ended();
      return value;
    },
    (error: unknown) => {
      ended({ error });
      throw error;
    },
  ) as T;
}
