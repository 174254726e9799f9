import { open, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from 'vivace';
import { makeDirectory } from 'vivace/kit';
import { mistake } from './configuration.js';

/**
 * Makes sure that a file can be written before the work begins whose result it is to hold: its directory is made, and a file that is there stays
 * as it is.
 *
 * @param option The option that names the file, for the message.
 * @param file As the user wrote it.
 * @param path Where that is.
 * @throws {VivaceError} `INVALID_ARGUMENT` with the reason.
 */
export async function checkOutput(option: string, file: string, path: string): Promise<void> {
  try {
    await makeDirectory(dirname(path));
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory() === true) throw mistake('it is a directory');
    const handle = await open(path, 'a');
    await handle.close();
    if (found === undefined) await rm(path);
  } catch (error) {
    throw mistake(
      `${option}: ${file} cannot be written: ${messageOf(error)}; name a file in a directory that can hold it`,
    );
  }
}
