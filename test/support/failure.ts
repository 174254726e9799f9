import { isVivaceError } from 'vivace';

/** What a promise fails with, as `CODE message`. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return isVivaceError(error) ? `${error.code} ${error.message}` : String(error);
  }
  return 'it did not fail';
}
