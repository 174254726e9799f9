import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a directory and those above it that are not there; one that is there stays as it is.
 *
 * `mkdir` of Node with `recursive` never ends where a directory that exists can hold no other, such as `/proc`: this fails there.
 *
 * @throws The error of the operating system, for `systemErrorCode`: `EEXIST` and `ENOTDIR` where a file stands in the way.
 */
export async function makeDirectory(path: string): Promise<void> {
  const failed = await made(path);
  if (failed === undefined) return;
  const parent = dirname(path);
  if (failed.code !== 'ENOENT' || parent === path) throw failed;
  await makeDirectory(parent);
  const again = await made(path);
  if (again !== undefined) throw again;
}

/** Why there is no such directory after it was to be made; `undefined` where there is one. */
async function made(path: string): Promise<NodeJS.ErrnoException | undefined> {
  try {
    await mkdir(path);
  } catch (error) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory() !== true) return error as NodeJS.ErrnoException;
  }
  return undefined;
}
