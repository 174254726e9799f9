import { createHash } from 'node:crypto';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  abortError,
  checkBlobKey,
  type BlobContent,
  type CallContext,
  type StagedFile,
  type Workspace,
} from 'vivace';
import { writeFile } from './contents.js';
import { codeOf, ignoreMissing, type Root } from './root.js';

/** A `Workspace` that stages a directory beside the others and renames it into its place. */
export class FileWorkspace implements Workspace {
  readonly #root: Root;

  constructor(root: Root) {
    this.#root = root;
  }

  async find(name: string): Promise<string | undefined> {
    const path = await this.#resolve(name);
    const found = await stat(path).catch(ignoreMissing);
    return found?.isDirectory() === true ? path : undefined;
  }

  async stage(
    name: string,
    fill: (put: (path: string, content: BlobContent) => Promise<StagedFile>) => Promise<void>,
    { signal }: CallContext,
  ): Promise<string> {
    const path = await this.#resolve(name);
    const staged = await this.#root.temporary();
    await mkdir(staged);
    try {
      await fill(async (file, content) => put(staged, { file, content, signal }));
      if (signal.aborted) throw abortError(signal);
      await this.#root.move(staged, path);
    } catch (error) {
      // Another caller has committed this name first, and its directory stands.
      if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST') throw error;
      if ((await this.find(name)) === undefined) throw error;
    } finally {
      await rm(staged, { recursive: true, force: true });
    }
    return path;
  }

  async remove(name: string): Promise<void> {
    const path = await this.#resolve(name);
    const gone = await this.#root.temporary();
    const moved = await rename(path, gone).then(() => true, ignoreMissing);
    if (moved !== true) return;
    await rm(gone, { recursive: true, force: true });
    await this.#root.prune(path);
  }

  async #resolve(name: string): Promise<string> {
    checkBlobKey(name);
    return this.#root.resolve(name);
  }
}

async function put(
  folder: string,
  {
    file,
    content,
    signal,
  }: { readonly file: string; readonly content: BlobContent; readonly signal: AbortSignal },
): Promise<StagedFile> {
  checkBlobKey(file);
  const path = join(folder, file);
  await mkdir(dirname(path), { recursive: true });
  const digest = createHash('sha256');
  let sizeBytes = 0;
  await writeFile(path, content, {
    signal,
    onChunk: (chunk) => {
      digest.update(chunk);
      sizeBytes += chunk.length;
    },
    finish: async () => undefined,
  });
  return { sizeBytes, sha256: digest.digest('hex') };
}
