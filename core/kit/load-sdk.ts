import { VivaceError } from '../kernel/errors.js';

/**
 * Loads a vendor's SDK, which is an optional peer. The adapter passes `() => import('redis')`, so that types follow.
 *
 * @throws {VivaceError} `FAILED_PRECONDITION` with the exact `npm install` line where it is not installed or does not load.
 */
export async function loadSdk<T>(packageName: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const missing = (cause as { code?: string }).code === 'ERR_MODULE_NOT_FOUND';
    throw new VivaceError(
      'FAILED_PRECONDITION',
      missing
        ? `the package ${packageName} is not installed: npm install ${packageName}`
        : `the package ${packageName} does not load (${(cause as Error).message}): npm install ${packageName}`,
      { cause },
    );
  }
}
