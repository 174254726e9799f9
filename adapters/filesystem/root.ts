import { lstat, readdir, realpath, rename, rm, rmdir, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { VivaceError } from 'vivace';
import { makeDirectory } from 'vivace/kit';
import { isGone, ownedName } from './owner.js';

/** The folder of the adapter's own files: temporary ones and locks. On the same file system as the rest, so that a rename is atomic. */
const own = '.vivace';

/** The code of a system error; `undefined` for other errors. */
export const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** For `.catch`: `undefined` where there is no such file, or a folder in its path is a file. */
export function ignoreMissing(error: unknown): undefined {
  const code = codeOf(error);
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
}

/** A directory that no path leaves, neither by `..` nor by a symbolic link. */
export class Root {
  readonly path: string;
  #real = '';

  constructor(path: string) {
    this.path = path;
  }

  /** Finds out where the directory is. It is made with the first file that is written. */
  async open(): Promise<void> {
    this.#real = await realWhereItExists(this.path);
    const found = await stat(this.#real).catch(ignoreMissing);
    if (found?.isDirectory() === false)
      throw new VivaceError('FAILED_PRECONDITION', `${this.path} is a file, not a directory`);
    await this.#sweep();
  }

  /**
   * The path of a key that has been checked.
   *
   * @throws {VivaceError} `INVALID_ARGUMENT` for the adapter's own files, `PERMISSION_DENIED` where a symbolic link leads out.
   */
  async resolve(key: string): Promise<string> {
    if (key === own || key.startsWith(`${own}/`)) {
      throw new VivaceError('INVALID_ARGUMENT', `"${key}" is reserved for files of the adapter itself`);
    }
    return this.#inside(key);
  }

  /** The path of a key, which has been checked, among the adapter's own files. */
  async resolveOwn(folder: string, key: string): Promise<string> {
    return this.#inside(`${own}/${folder}/${key}`);
  }

  async #inside(key: string): Promise<string> {
    const path = join(this.#real, key);
    // What does not exist leads nowhere: its nearest folder that does exist decides.
    for (let at = path; at !== this.#real; at = dirname(at)) {
      const real = await realpath(at).catch(ignoreMissing);
      if (real === undefined) continue;
      if (real === this.#real || real.startsWith(this.#real + sep)) break;
      throw new VivaceError('PERMISSION_DENIED', `"${key}" leads out of ${this.path} by a symbolic link`);
    }
    return path;
  }

  isOwn(name: string): boolean {
    return name === own;
  }

  /** A path for a temporary file or directory, in an existing folder. */
  async temporary(): Promise<string> {
    return join(await this.folder('temporary'), ownedName());
  }

  /** One of the adapter's own folders, made where there is none. */
  async folder(...names: string[]): Promise<string> {
    const path = join(this.#real, own, ...names);
    await makeDirectory(path);
    return path;
  }

  /** Bytes that this process may still write here; `undefined` where the system does not say. */
  async freeBytes(): Promise<number | undefined> {
    try {
      const { bavail, bsize } = await statfs(this.#real);
      return bavail * bsize;
    } catch {
      return undefined;
    }
  }

  /** What a failed write is to its caller: that of a full disk says where it is and how much is free. */
  async explained(error: unknown, neededBytes?: number): Promise<unknown> {
    const code = codeOf(error);
    return code === 'ENOSPC' || code === 'EDQUOT' ? this.full(neededBytes, error) : error;
  }

  /** The error of a disk on which something has no room. */
  async full(neededBytes: number | undefined, cause?: unknown): Promise<VivaceError> {
    const freeBytes = await this.freeBytes();
    const free = freeBytes === undefined ? [] : [`${freeBytes} bytes are free`];
    const needed = neededBytes === undefined ? [] : [`${neededBytes} are needed`];
    const figures = [...free, ...needed].join(', ');
    return new VivaceError(
      'RESOURCE_EXHAUSTED',
      `the disk of ${this.path} is full${figures && ` (${figures})`}: remove what is not needed, or give it more space; what was there is unchanged`,
      cause === undefined ? {} : { cause },
    );
  }

  /** Moves a temporary file or directory to its place, making folders; another process may remove an empty one meanwhile. */
  async move(from: string, to: string): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      await makeDirectory(dirname(to));
      try {
        return await rename(from, to);
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || attempt === 10) throw error;
      }
    }
  }

  /** Removes the folders above `path` that are empty. */
  async prune(path: string): Promise<void> {
    for (let at = dirname(path); at !== this.#real; at = dirname(at)) {
      try {
        await rmdir(at);
      } catch {
        return;
      }
    }
  }

  /** Removes temporary files whose owner is dead, or unknown and has written nothing for long. */
  async #sweep(): Promise<void> {
    const folder = join(this.#real, own, 'temporary');
    for (const name of (await readdir(folder).catch(ignoreMissing)) ?? []) {
      const path = join(folder, name);
      // What cannot be removed, as on a disk that is mounted read-only, keeps nobody from reading.
      if (await isGone(name, () => lastChange(path)))
        await rm(path, { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

/** When something was last written to a file, or to a file below a folder, epoch milliseconds; `undefined` where there is none. */
async function lastChange(path: string): Promise<number | undefined> {
  const info = await lstat(path).catch(ignoreMissing);
  if (!info?.isDirectory()) return info?.mtimeMs;
  let last = info.mtimeMs;
  for (const name of (await readdir(path).catch(ignoreMissing)) ?? [])
    last = Math.max(last, (await lastChange(join(path, name))) ?? 0);
  return last;
}

/** The path without symbolic links; what does not exist yet has none. */
async function realWhereItExists(path: string): Promise<string> {
  const real = await realpath(path).catch(ignoreMissing);
  if (real !== undefined) return real;
  const parent = dirname(path);
  return parent === path ? path : join(await realWhereItExists(parent), basename(path));
}
