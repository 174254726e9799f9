import type { BigIntStats } from 'node:fs';
import { open, rm, stat, unlink, type FileHandle } from 'node:fs/promises';
import {
  checkBlobKey,
  VivaceError,
  type BlobContent,
  type BlobInfo,
  type BlobStore,
  type CallContext,
  type WriteCondition,
} from 'vivace';
import { readFile, writeFile } from './contents.js';
import { filesUnder } from './files-under.js';
import { withKeyLock } from './lock.js';
import { codeOf, ignoreMissing, type Root } from './root.js';

/** A `BlobStore` with one file per blob, at the path of its key. */
export class FileBlobs implements BlobStore {
  readonly #root: Root;

  constructor(root: Root) {
    this.#root = root;
  }

  async head(key: string): Promise<BlobInfo | undefined> {
    return infoAt(key, await this.#resolve(key));
  }

  async *read(
    key: string,
    { signal }: CallContext,
    range: { readonly offset: number; readonly lengthBytes: number } = { offset: 0, lengthBytes: Infinity },
  ): AsyncIterable<Uint8Array> {
    const path = await this.#resolve(key);
    const file = (await infoAt(key, path)) && (await open(path).catch(ignoreMissing));
    if (file === undefined)
      throw new VivaceError('NOT_FOUND', `there is no blob "${key}" in ${this.#root.path}`);
    yield* readFile(file, range, signal);
  }

  async write(
    key: string,
    content: BlobContent,
    { signal }: CallContext,
    condition?: WriteCondition,
  ): Promise<BlobInfo | false> {
    const path = await this.#resolve(key);
    // Asked before the content is written too: most lost races are known by now.
    if (!holds(await infoAt(key, path), condition)) return false;
    const temporary = await this.#root.temporary();
    try {
      const written = await writeFile(temporary, content, { signal, finish: stamp });
      return await withKeyLock(this.#root, { key, signal }, async (confirm) => {
        if (!holds(await infoAt(key, path), condition)) return false;
        confirm();
        await this.#root.move(temporary, path);
        return toInfo(key, written);
      });
    } catch (error) {
      throw await this.#root.explained(error);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async list(
    prefix: string,
    { signal }: CallContext,
    { after, limit = 1000 }: { readonly after?: string; readonly limit?: number } = {},
  ): Promise<{ readonly blobs: readonly BlobInfo[]; readonly next?: string }> {
    const blobs: BlobInfo[] = [];
    for await (const key of filesUnder(this.#root, { prefix, after: after ?? '', signal })) {
      const info = await infoAt(key, await this.#root.resolve(key));
      if (info === undefined) continue; // deleted meanwhile
      if (blobs.length === limit) return { blobs, next: blobs.at(-1)!.key };
      blobs.push(info);
    }
    return { blobs };
  }

  async delete(key: string, { signal }: CallContext): Promise<boolean> {
    const path = await this.#resolve(key);
    return withKeyLock(this.#root, { key, signal }, async (confirm) => {
      if ((await infoAt(key, path)) === undefined) return false;
      confirm();
      await unlink(path);
      await this.#root.prune(path);
      return true;
    });
  }

  async #resolve(key: string): Promise<string> {
    checkBlobKey(key);
    return this.#root.resolve(key);
  }
}

/**
 * Gives a new file a modification time with a random fraction of a second: inodes are used again, and clocks of file systems are
 * too coarse to tell two writes apart.
 */
async function stamp(file: FileHandle): Promise<BigIntStats> {
  const time = Math.floor(Date.now() / 1000) + Math.random();
  await file.utimes(time, time);
  return file.stat({ bigint: true });
}

async function infoAt(key: string, path: string): Promise<BlobInfo | undefined> {
  const found = await stat(path, { bigint: true }).catch((error: unknown) => {
    // A part of a name that is longer than the file system takes: there is no such blob.
    return codeOf(error) === 'ENAMETOOLONG' ? undefined : ignoreMissing(error);
  });
  return found?.isFile() === true ? toInfo(key, found) : undefined;
}

function toInfo(key: string, found: BigIntStats): BlobInfo {
  return {
    key,
    sizeBytes: Number(found.size),
    version: `${found.ino.toString(36)}-${found.mtimeNs.toString(36)}`,
  };
}

function holds(found: BlobInfo | undefined, condition: WriteCondition | undefined): boolean {
  if (condition === undefined) return true;
  return condition === 'absent' ? found === undefined : found?.version === condition.version;
}
