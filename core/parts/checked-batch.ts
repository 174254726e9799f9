import { isPartialFailure, VivaceError } from '../kernel/errors.js';

type Operation = (...args: unknown[]) => unknown;

/**
 * The operation, held to one answer for each item of its batch. Otherwise an answer that is cut short would pass for items that the part
 * does not hold, and so would a failure that names no item.
 */
export function checkedBatch(operation: Operation, name: string): Operation {
  return (...args) => {
    const { length } = args[0] as readonly unknown[];
    const check = (answer: unknown): unknown => {
      if (Array.isArray(answer) && answer.length === length) return answer;
      throw broken(`${name} answered ${sizeOf(answer)} to ${length} items: return one value for each`);
    };
    const judge = (error: unknown): never => {
      if (!isPartialFailure(error)) throw error;
      const { values, failures } = error;
      const names = ({ index }: { readonly index: number }): boolean =>
        Number.isInteger(index) && index >= 0 && index < length;
      if (values.length === length && failures.every(names)) throw error;
      throw broken(
        `${name} failed for some of ${length} items, and does not say for which: ${error.message}`,
        error,
      );
    };
    let answer: unknown;
    try {
      answer = operation(...args);
    } catch (error) {
      return judge(error);
    }
    return answer instanceof Promise ? answer.then(check, judge) : check(answer);
  };
}

function broken(message: string, cause?: unknown): VivaceError {
  return new VivaceError('INTERNAL', message, cause === undefined ? {} : { cause });
}

function sizeOf(answer: unknown): string {
  return Array.isArray(answer) ? `${answer.length} values` : String(answer);
}
