import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** How often a directory is made anew that others remove meanwhile. */
const mostAttempts = 100;

/**
 * Makes a directory and those above it that are not there; one that is there stays as it is. Others may remove empty ones meanwhile.
 *
 * `mkdir` of Node with `recursive` never ends where a directory that exists can hold no other, such as `/proc`: this fails there.
 *
 * @throws The error of the operating system, for `systemErrorCode`: `EEXIST` and `ENOTDIR` where a file stands in the way.
 */
export async function makeDirectory(path: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const failed = await made(path);
    if (failed === undefined) return;
    const parent = dirname(path);
    const mayComeToBe = failed.isGone || (failed.error.code === 'ENOENT' && parent !== path);
    if (!mayComeToBe || attempt === mostAttempts) throw failed.error;
    if (!failed.isGone) await makeDirectory(parent);
  }
}

/**
 * Why there is no such directory after it was to be made; `undefined` where there is one. `isGone`: there was something, and it was removed
 * before it could be looked at.
 */
async function made(
  path: string,
): Promise<{ readonly error: NodeJS.ErrnoException; readonly isGone: boolean } | undefined> {
  try {
    await mkdir(path);
  } catch (thrown) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory() === true) return undefined;
    const error = thrown as NodeJS.ErrnoException;
    return { error, isGone: error.code === 'EEXIST' && found === undefined };
  }
  return undefined;
}
