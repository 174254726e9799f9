import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  abortError,
  checkBlobKey,
  VivaceError,
  type BlobContent,
  type CallContext,
  type StagedFile,
  type Workspace,
} from 'vivace';
import { makeDirectory } from 'vivace/kit';
import { readFile, writeFile } from './contents.js';
import { Holds } from './holds.js';
import { codeOf, ignoreMissing, type Root } from './root.js';

/** The folder of the committed directories among the adapter's own files, so that none of them is a blob of the same directory. */
const home = 'workspace';
/** What tells a committed directory from a folder on the way to others; neither is the end of the other. */
const committed = '.staged';
const folder = '.d';

/** A `Workspace` that stages a directory beside the others and renames it into its place. */
export class FileWorkspace implements Workspace {
  readonly #root: Root;
  readonly holds: Holds;
  /** Epoch milliseconds of the last commit: commits of one process are told apart by their times. */
  #lastCommitMs = 0;

  constructor(root: Root) {
    this.#root = root;
    this.holds = new Holds(root);
  }

  async find(name: string): Promise<string | undefined> {
    const path = await this.#resolve(name);
    const found = await stat(path).catch(ignoreMissing);
    return found?.isDirectory() === true ? path : undefined;
  }

  async list(prefix: string, { signal }: CallContext): Promise<readonly string[]> {
    const found: { name: string; at: bigint }[] = [];
    const visit = async (path: string, above: string): Promise<void> => {
      if (signal.aborted) throw abortError(signal);
      for (const entry of (await readdir(path).catch(ignoreMissing)) ?? []) {
        const at = join(path, entry);
        if (entry.endsWith(committed)) {
          const name = above + entry.slice(0, -committed.length);
          const info = await stat(at, { bigint: true }).catch(ignoreMissing);
          if (info !== undefined && name.startsWith(prefix)) found.push({ name, at: info.mtimeNs });
        } else if (entry.endsWith(folder)) {
          const inner = `${above}${entry.slice(0, -folder.length)}/`;
          if (inner.startsWith(prefix) || prefix.startsWith(inner)) await visit(at, inner);
        }
      }
    };
    await visit(await this.#root.resolveOwn(home, '.'), '');
    found.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.name < b.name ? -1 : 1));
    return found.map(({ name }) => name);
  }

  async *read(name: string, path: string, { signal }: CallContext): AsyncIterable<Uint8Array> {
    checkBlobKey(name);
    checkBlobKey(path);
    const at = await this.#root.resolveOwn(home, `${placeOf(name)}/${path}`);
    const file = await open(at).catch(ignoreMissing);
    if (file === undefined) throw new VivaceError('NOT_FOUND', `there is no file ${at}`);
    yield* readFile(file, { offset: 0, lengthBytes: Infinity }, signal);
  }

  async stage(
    name: string,
    fill: (put: (path: string, content: BlobContent) => Promise<StagedFile>) => Promise<void>,
    { signal }: CallContext,
    { sizeBytes }: { readonly sizeBytes?: number } = {},
  ): Promise<string> {
    const path = await this.#resolve(name);
    const staged = await this.#room(sizeBytes);
    try {
      await mkdir(staged);
      await fill(async (file, content) => put(staged, { file, content, signal }));
      if (signal.aborted) throw abortError(signal);
      this.#lastCommitMs = Math.max(Date.now(), this.#lastCommitMs + 1);
      await utimes(staged, this.#lastCommitMs / 1000, this.#lastCommitMs / 1000);
      await this.#root.move(staged, path);
    } catch (error) {
      // Another caller has committed this name first, and its directory stands.
      if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST')
        throw await this.#root.explained(error, sizeBytes);
      if ((await this.find(name)) === undefined) throw error;
    } finally {
      await rm(staged, { recursive: true, force: true });
    }
    return path;
  }

  async hold(name: string, { signal }: CallContext): Promise<void> {
    checkBlobKey(name);
    await this.holds.add(name, signal);
  }

  async release(name: string, { signal }: CallContext): Promise<void> {
    checkBlobKey(name);
    await this.holds.delete(name, signal);
  }

  async remove(
    name: string,
    { signal }: CallContext,
    { unlessHeld = false }: { readonly unlessHeld?: boolean } = {},
  ): Promise<void> {
    const path = await this.#resolve(name);
    if (unlessHeld) await this.holds.unlessHeld(name, signal, () => this.#remove(path));
    else await this.#remove(path);
  }

  async #remove(path: string): Promise<void> {
    const gone = await this.#root.temporary();
    const moved = await rename(path, gone).then(() => true, ignoreMissing);
    if (moved !== true) return;
    await rm(gone, { recursive: true, force: true });
    await this.#root.prune(path);
  }

  /** A path for what is staged; refused where so many bytes are known not to fit. */
  async #room(sizeBytes = 0): Promise<string> {
    try {
      const staged = await this.#root.temporary();
      if (sizeBytes > ((await this.#root.freeBytes()) ?? Infinity)) throw await this.#root.full(sizeBytes);
      return staged;
    } catch (error) {
      throw await this.#root.explained(error, sizeBytes);
    }
  }

  async #resolve(name: string): Promise<string> {
    checkBlobKey(name);
    return this.#root.resolveOwn(home, placeOf(name));
  }
}

/** Where a name's directory lies: `a/b` in `a.d/b.staged`. */
function placeOf(name: string): string {
  const segments = name.split('/');
  const last = segments.pop()!;
  return [...segments.map((segment) => segment + folder), last + committed].join('/');
}

async function put(
  directory: string,
  {
    file,
    content,
    signal,
  }: { readonly file: string; readonly content: BlobContent; readonly signal: AbortSignal },
): Promise<StagedFile> {
  checkBlobKey(file);
  const path = join(directory, file);
  await makeDirectory(dirname(path));
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
