import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { abortError, VivaceError } from 'vivace';
import { pause } from 'vivace/kit';
import { isAlive, ownedName } from './owner.js';
import { codeOf, ignoreMissing, type Root } from './root.js';

/** A lock whose owner nobody can ask about is given up after this time; the work under a lock takes milliseconds. */
const leaseMs = 30_000;
const free = '.free';
/** What file systems without symbolic links say, and Windows to users who may not make them. */
const noLinks: readonly (string | undefined)[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL'];

/** The turns of this process, so that only processes poll each other. */
const turns = new Map<string, Promise<void>>();

/** Runs `work` under the lock of a key, as {@link withLock}. 256 locks serve all keys, so that they do not double the files. */
export async function withKeyLock<T>(
  root: Root,
  { key, signal }: { readonly key: string; readonly signal: AbortSignal },
  work: (confirm: () => void) => Promise<T>,
): Promise<T> {
  const shard = createHash('sha256').update(key).digest('hex').slice(0, 2);
  return withLock(await root.folder('locks', shard), signal, work);
}

/**
 * Runs `work` while no other process or call holds the lock in `folder`. A killed owner's lock is taken over.
 *
 * The folder holds numbered files. The one with the highest number is the lock: held while it is called `<n>`, released as
 * `<n>.free`. The caller that creates `<n + 1>` exclusively has it. The highest is never removed, so a process that comes late with a lower
 * number sees that, and two that find a dead owner cannot both succeed it.
 *
 * @param work Calls `confirm` right before the change that the lock protects.
 * @throws {VivaceError} `ABORTED`, by `confirm`, where this process has stood still for so long that another may hold the lock by now.
 */
async function withLock<T>(
  folder: string,
  signal: AbortSignal,
  work: (confirm: () => void) => Promise<T>,
): Promise<T> {
  const before = turns.get(folder) ?? Promise.resolve();
  let done!: () => void;
  const turn = before.then(() => mine);
  const mine = new Promise<void>((resolve) => (done = resolve));
  turns.set(folder, turn);
  await before;
  try {
    const held = await acquire(folder, signal);
    const since = performance.now();
    try {
      return await work(() => {
        if (performance.now() - since < leaseMs / 2) return;
        throw new VivaceError('ABORTED', 'this process was paused while it held a lock; nothing was written');
      });
    } finally {
      await rename(held, held + free).catch(ignoreMissing);
    }
  } finally {
    done();
    if (turns.get(folder) === turn) turns.delete(folder);
  }
}

async function acquire(folder: string, signal: AbortSignal): Promise<string> {
  for (;;) {
    if (signal.aborted) throw abortError(signal);
    const highest = highestOf(await readdir(folder));
    if (highest !== undefined && !(await isFree(join(folder, highest.name)))) {
      await pause(1 + Math.random() * 4, { ref: true });
      continue;
    }
    const number = (highest?.number ?? 0) + 1;
    const path = join(folder, String(number));
    try {
      await create(path, ownedName());
    } catch (error) {
      if (codeOf(error) === 'EEXIST') continue;
      throw error;
    }
    const names = await readdir(folder);
    if (highestOf(names)?.number === number) {
      const older = names.filter((name) => numberOf(name) < number);
      await Promise.all(older.map(async (name) => rm(join(folder, name), { force: true })));
      return path;
    }
    await rm(path, { force: true });
  }
}

/**
 * Makes a file that tells its owner from the moment it exists, and that takes no room on a full disk: a symbolic link to the owner's
 * name. Where there are no links it is a file, which a process that is killed at this moment leaves empty, until its lease ends.
 */
async function create(path: string, owner: string): Promise<void> {
  try {
    await symlink(owner, path);
  } catch (error) {
    if (!noLinks.includes(codeOf(error))) throw error;
    await writeFile(path, owner, { flag: 'wx' });
  }
}

const numberOf = (name: string): number => Number.parseInt(name, 10);

function highestOf(names: readonly string[]): { readonly name: string; readonly number: number } | undefined {
  let highest: { name: string; number: number } | undefined;
  for (const name of names) {
    const number = numberOf(name);
    if (highest === undefined || number > highest.number) highest = { name, number };
  }
  return highest;
}

async function isFree(path: string): Promise<boolean> {
  if (path.endsWith(free)) return true;
  const owner = await ownerOf(path);
  if (owner === undefined) return false; // released at this moment: look again
  if (isAlive(owner) === false) return true;
  const info = await lstat(path).catch(ignoreMissing);
  return info !== undefined && Date.now() - info.mtimeMs > leaseMs;
}

async function ownerOf(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    // It is a file.
    if (codeOf(error) === 'EINVAL' || codeOf(error) === 'UNKNOWN')
      return readFile(path, 'utf8').catch(ignoreMissing);
    return ignoreMissing(error);
  }
}
