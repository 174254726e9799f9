import { createHash } from 'node:crypto';
import { readdir, rm, rmdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withKeyLock } from './lock.js';
import { isGone, ownedName } from './owner.js';
import { ignoreMissing, type Root } from './root.js';

/** The folder of the holds among the adapter's own files: `holds/<digest of the name>/<owner>`. */
const home = 'holds';

/** Who holds which directory: empty files, one for each owner, that say by their name whose they are. */
export class Holds {
  readonly #root: Root;
  readonly #owner = ownedName();
  /** How often this owner holds a name. */
  readonly #counts = new Map<string, number>();

  constructor(root: Root) {
    this.#root = root;
  }

  async add(name: string, signal: AbortSignal): Promise<void> {
    await withKeyLock(this.#root, { key: name, signal }, async () => {
      await writeFile(join(await this.#folder(name), this.#owner), '');
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    });
  }

  async delete(name: string, signal: AbortSignal): Promise<void> {
    const count = this.#counts.get(name);
    if (count === undefined) return;
    if (count > 1) return void this.#counts.set(name, count - 1);
    await withKeyLock(this.#root, { key: name, signal }, async () => {
      this.#counts.delete(name);
      const folder = await this.#folder(name);
      await rm(join(folder, this.#owner), { force: true });
      // Others may hold it, too.
      await rmdir(folder).catch(() => undefined);
    });
  }

  /** Runs `work` where nobody holds the name; nobody begins to meanwhile. */
  async unlessHeld(name: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    await withKeyLock(this.#root, { key: name, signal }, async (confirm) => {
      const folder = await this.#folder(name);
      for (const owner of await readdir(folder)) {
        const path = join(folder, owner);
        const sign = async (): Promise<number | undefined> =>
          (await stat(path).catch(ignoreMissing))?.mtimeMs;
        if (!(await isGone(owner, sign))) return;
        await rm(path, { force: true });
      }
      confirm();
      await rm(folder, { recursive: true });
      await work();
    });
  }

  /** A sign of life for those who cannot ask whether this process lives. */
  async sign(): Promise<void> {
    const seconds = Date.now() / 1000;
    for (const name of this.#counts.keys())
      await utimes(join(await this.#folder(name), this.#owner), seconds, seconds).catch(ignoreMissing);
  }

  /** Ends every hold; what cannot be removed ends with the process. */
  async clear(): Promise<void> {
    const names = [...this.#counts.keys()];
    this.#counts.clear();
    const forget = async (name: string): Promise<void> => rm(join(await this.#folder(name), this.#owner));
    await Promise.all(names.map(async (name) => forget(name).catch(() => undefined)));
  }

  async #folder(name: string): Promise<string> {
    return this.#root.folder(home, createHash('sha256').update(name).digest('hex').slice(0, 32));
  }
}
