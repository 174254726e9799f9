import { readFile } from 'node:fs/promises';
import { messageOf, VivaceError } from '../kernel/errors.js';

/**
 * Why a file cannot be read or opened, in words: what stands after `x cannot be read: `.
 *
 * @param cause What `node:fs` threw.
 */
export function fileErrorText(cause: unknown): string {
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  return (typeof code === 'string' ? reasons[code] : undefined) ?? messageOf(cause);
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'what its path names as a folder is a file',
  EISDIR: 'it is a folder, not a file',
  EACCES: 'this user may not read it',
};

/**
 * The text of a configuration file.
 *
 * @throws {VivaceError} `INVALID_CONFIG` where there is none, or it cannot be read.
 */
export async function readConfiguration(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const missing = (cause as { code?: unknown }).code === 'ENOENT';
    throw new VivaceError(
      'INVALID_CONFIG',
      missing
        ? `there is no configuration at ${path}; name a file, or write one as docs/getting-started.md shows`
        : `the configuration ${path} cannot be read: ${fileErrorText(cause)}`,
      { cause },
    );
  }
}
