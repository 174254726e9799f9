import { expect } from 'chai';
import { isVivaceError, type VivaceError } from 'vivace';

/** What a promise fails with, as `CODE message`. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return isVivaceError(error) ? `${error.code} ${error.message}` : String(error);
  }
  return 'it did not fail';
}

/** What a promise fails with, where that is a VivaceError. */
export async function failure(work: Promise<unknown>): Promise<VivaceError> {
  return work.then(
    () => expect.fail('it did not fail'),
    (error: unknown) => error as VivaceError,
  );
}

/** The VivaceError that a call throws at once. */
export function thrown(call: () => unknown): VivaceError {
  try {
    call();
  } catch (error) {
    if (isVivaceError(error)) return error;
    throw error;
  }
  return expect.fail('it should have thrown');
}

/** The code of what was thrown; `undefined` where it is not a VivaceError. */
export function codeOf(error: unknown): string | undefined {
  return isVivaceError(error) ? error.code : undefined;
}
