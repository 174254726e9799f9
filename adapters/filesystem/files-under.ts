import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { abortError } from 'vivace';
import { ignoreMissing, type Root } from './root.js';

interface Wanted {
  /** Keys begin with it. */
  readonly prefix: string;
  /** Keys come after it, bytewise; empty for all. */
  readonly after: string;
  readonly signal: AbortSignal;
}

/**
 * The keys of the files below a root, in bytewise order, reading only folders that can hold such keys. A folder sorts as `name/`,
 * which puts `a-b` before `a/b` as the order of keys does. Symbolic links that lead out are skipped.
 */
export async function* filesUnder(root: Root, wanted: Wanted, folder = ''): AsyncGenerator<string> {
  if (wanted.signal.aborted) throw abortError(wanted.signal);
  const path = join(await root.resolve(folder), '.');
  const entries = (await readdir(path, { withFileTypes: true }).catch(ignoreMissing)) ?? [];
  const named = await Promise.all(
    entries
      .filter((entry) => folder !== '' || !root.isOwn(entry.name))
      .map(async (entry) => nameOf(root, folder + entry.name, entry)),
  );
  const names = named.filter((name) => name !== undefined);
  names.sort(compareBytes);
  for (const name of names) {
    const key = folder + name;
    if (name.endsWith('/')) {
      const mayMatch = key.startsWith(wanted.prefix) || wanted.prefix.startsWith(key);
      const mayFollow = wanted.after.startsWith(key) || compareBytes(key, wanted.after) > 0;
      if (mayMatch && mayFollow) yield* filesUnder(root, wanted, key);
    } else if (key.startsWith(wanted.prefix) && compareBytes(key, wanted.after) > 0) {
      yield key;
    }
  }
}

/** A folder's name ends in `/`; `undefined` for what is neither file nor folder, or leads out. */
async function nameOf(root: Root, key: string, entry: Dirent): Promise<string | undefined> {
  const path = entry.isSymbolicLink() ? await root.resolve(key).catch(() => undefined) : undefined;
  const found = entry.isSymbolicLink() ? path && (await stat(path).catch(ignoreMissing)) : entry;
  if (!found) return undefined;
  return found.isDirectory() ? `${entry.name}/` : found.isFile() ? entry.name : undefined;
}

function compareBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
