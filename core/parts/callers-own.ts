import { isThenable } from '../kernel/thenable.js';
import type { CallersOwn } from '../ports/port.js';

type Operation = (...args: unknown[]) => unknown;

/**
 * An operation whose caller gets back what its own iterables and callbacks throw, instead of what the part has made of it.
 *
 * @param own Passes those among the arguments through `CallersOwn`.
 */
export function handingBack(
  operation: Operation,
  own: (args: readonly unknown[], own: CallersOwn) => readonly unknown[],
): Operation {
  return (...args) => {
    const errors = new CallersErrors();
    try {
      const answer = operation(...own(args, errors));
      if (!(answer instanceof Promise)) return answer;
      return answer.catch((error: unknown) => {
        throw errors.insteadOf(error);
      });
    } catch (error) {
      throw errors.insteadOf(error);
    }
  };
}

/** The first error that a caller's own code has thrown during one call. */
class CallersErrors implements CallersOwn {
  #first: { readonly error: unknown } | undefined;

  /** What the caller's code threw, or else what the part did. */
  insteadOf(error: unknown): unknown {
    return this.#first === undefined ? error : this.#first.error;
  }

  iterable<T>(items: AsyncIterable<T>): AsyncIterable<T>;
  iterable<T>(items: AsyncIterable<T> | Iterable<T>): AsyncIterable<T> | Iterable<T>;
  iterable<T>(items: AsyncIterable<T> | Iterable<T>): AsyncIterable<T> | Iterable<T> {
    if (Array.isArray(items)) return items as readonly T[];
    const note = (error: unknown): never => this.#note(error);
    return {
      [Symbol.asyncIterator](): AsyncIterator<T> {
        const iterator =
          Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
        // No `throw`: a stream that a part has made of it would throw its own errors into it, which would come back as the caller's.
        return {
          next: async () => {
            try {
              return await iterator.next();
            } catch (error) {
              return note(error);
            }
          },
          return: async (value?: T) => (await iterator.return?.(value)) ?? { done: true, value: value as T },
        };
      },
    };
  }

  callback<A extends unknown[], R>(call: (...args: A) => R): (...args: A) => R {
    return (...args) => {
      try {
        const answer = call(...args);
        return isThenable(answer)
          ? (Promise.resolve(answer).catch((error: unknown) => this.#note(error)) as R)
          : answer;
      } catch (error) {
        return this.#note(error);
      }
    };
  }

  #note(error: unknown): never {
    this.#first ??= { error };
    throw error;
  }
}
