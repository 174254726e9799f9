import { isPartialFailure, VivaceError } from '../kernel/errors.js';

type Operation = (...args: unknown[]) => unknown;

/**
 * The operation, held to one answer for each item of its batch. Otherwise an answer that is cut short would pass for items that the part
 * does not hold, and so would a failure that names no item.
 */
export function checkedBatch(operation: Operation, name: string): Operation {
  return (...args) => {
    const { length } = args[0] as readonly unknown[];
    let answer: unknown;
    try {
      answer = operation(...args);
    } catch (error) {
      throw judged(error, name, length);
    }
    // Closures only where there is something to wait for: most embedded stores answer at once.
    if (!(answer instanceof Promise)) return checked(answer, name, length);
    return answer.then(
      (values) => checked(values, name, length),
      (error: unknown) => {
        throw judged(error, name, length);
      },
    );
  };
}

function checked(answer: unknown, name: string, length: number): unknown {
  if (Array.isArray(answer) && answer.length === length) return answer;
  throw broken(`${name} answered ${sizeOf(answer)} to ${length} items: return one value for each`);
}

function judged(error: unknown, name: string, length: number): unknown {
  if (!isPartialFailure(error)) return error;
  const { values, failures } = error;
  const names = ({ index }: { readonly index: number }): boolean =>
    Number.isInteger(index) && index >= 0 && index < length;
  if (values.length === length && failures.every(names)) return error;
  return broken(
    `${name} failed for some of ${length} items, and does not say for which: ${error.message}`,
    error,
  );
}

function broken(message: string, cause?: unknown): VivaceError {
  return new VivaceError('INTERNAL', message, cause === undefined ? {} : { cause });
}

function sizeOf(answer: unknown): string {
  return Array.isArray(answer) ? `${answer.length} values` : String(answer);
}
