import {
  highestNumber,
  isVivaceError,
  manifestDigest,
  VivaceError,
  type AddVersionOptions,
  type BlobContent,
  type BundleManifest,
  type CallContext,
  type ModelVersion,
} from 'vivace';
import { sameName } from './aliases.js';
import { inParallel } from './in-parallel.js';
import { claimKey, manifestKey, versionPrefix } from './keys.js';
import { checkManifest } from './manifests.js';
import { noteBytes, readNote } from './notes.js';
import type { Store } from './store.js';
import { isVerified, verified } from './verify.js';

type File = BundleManifest['files'][number];
type Contents = (path: string) => BlobContent;

/**
 * Adds versions. A claim says who adds a version with which files: a push with other files is refused before anything is written, and an
 * attempt that broke off is continued by the next one with the same files.
 */
export class Adding {
  readonly #store: Store;
  readonly #now: () => number;

  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  async add(
    given: BundleManifest,
    files: Contents,
    context: CallContext,
    { repair = false, next = false, by = 'unknown', onProgress }: AddVersionOptions = {},
  ): Promise<void> {
    const manifest = checkManifest(given);
    const progress = new Transfer(manifest, onProgress);
    if (repair) {
      const there = await this.#store.findManifest(manifest, context);
      if (there !== undefined && manifestDigest(there) !== manifestDigest(manifest))
        throw alreadyThere(manifest);
      if (there !== undefined) return this.#repair(manifest, files, { context, progress });
    } else if (await this.#store.exists(manifest, context)) throw alreadyThere(manifest);
    const { name, version } = manifest;
    if ((await this.#store.history(name, version, context)).length > 0)
      throw sameName(`${name} has an alias "${version}", so a version cannot be called that`);
    await this.#claim(manifest, by, context);
    try {
      // Who removes a version has left its mark before it took the manifest away, and takes it off after everything else.
      if (await this.#store.isMarked(manifest, context))
        throw new VivaceError('ABORTED', `${name} ${version} is being removed: choose another version`);
      if (next) await this.#checkNext(manifest, context);
      await inParallel(manifest.files, context.signal, (file, signal) =>
        this.#addFile(manifest, file, { files, context: { ...context, signal }, progress }),
      );
      const bytes = new TextEncoder().encode(`${JSON.stringify(manifest, undefined, 2)}\n`);
      const written = await this.#store.blobs.write(manifestKey(manifest), bytes, context, 'absent');
      if (written === false) throw alreadyThere(manifest);
    } catch (error) {
      if (!context.signal.aborted) await this.#unclaimIfUseless(manifest, context);
      throw error;
    }
    // The version stands, with or without its claim.
    await ignoringFaults(() => this.#store.blobs.delete(claimKey(manifest), context));
  }

  /**
   * Refuses a number below one that there is. The highest is never removed, so a number that was removed is below it; and while this process has
   * its claim, nobody else adds the number.
   */
  async #checkNext({ name, version }: ModelVersion, context: CallContext): Promise<void> {
    for await (const found of this.#store.scan(name, context))
      if (found.kind === 'manifest' && highestNumber([found.version]) >= Number(version))
        throw new VivaceError(
          'ABORTED',
          `${name} has a version ${found.version}, so ${version} is not the next number: take a higher one`,
        );
  }

  /** Writes a file, unless it is there and verified. */
  async #addFile(
    manifest: BundleManifest,
    file: File,
    { files, context, progress }: { files: Contents; context: CallContext; progress: Transfer },
  ): Promise<void> {
    const { blobs } = this.#store;
    const key = versionPrefix(manifest) + file.path;
    const isThere = (await blobs.head(key, context)) !== undefined;
    if (!isThere) {
      const content = verified(progress.counting(files(file.path)), file, {
        code: 'INVALID_ARGUMENT',
        remedy: ': it was changed meanwhile; push the model again',
      });
      if ((await blobs.write(key, content, context, 'absent')) !== false) return;
      progress.takeBack(file);
    }
    if (!(await isVerified(blobs.read(key, context), file))) {
      throw new VivaceError(
        'ABORTED',
        `${key} already exists with other content: another process is adding this version, or broke off; choose another version`,
      );
    }
    progress.found(file);
  }

  /** Writes those files of a version anew that are not what its manifest says. */
  async #repair(
    manifest: BundleManifest,
    files: Contents,
    { context, progress }: { context: CallContext; progress: Transfer },
  ): Promise<void> {
    const { blobs } = this.#store;
    await inParallel(manifest.files, context.signal, async (file, signal) => {
      const key = versionPrefix(manifest) + file.path;
      const call = { ...context, signal };
      const isThere = (await blobs.head(key, call)) !== undefined;
      if (isThere && (await isVerified(blobs.read(key, call), file))) return progress.found(file);
      const content = verified(progress.counting(files(file.path)), file, { code: 'DATA_LOSS' });
      await blobs.write(key, content, call);
    });
  }

  /** Notes that this process adds the version, or goes on where another one broke off that had the same files. */
  async #claim(manifest: BundleManifest, by: string, context: CallContext): Promise<void> {
    const key = claimKey(manifest);
    const content = digestOf(manifest);
    const { blobs } = this.#store;
    // Others with the same files may claim and finish it meanwhile.
    for (let attempt = 0; attempt < 10; attempt++) {
      const own = noteBytes({ at: this.#now(), by, content });
      if ((await blobs.write(key, own, context, 'absent')) !== false) return;
      const claim = await readNote(this.#store, key, context);
      if (claim === undefined) continue;
      if (claim.content !== content)
        throw new VivaceError(
          'ABORTED',
          `${claim.by} is adding ${manifest.name} ${manifest.version} with other files or notes, or broke off: choose another version`,
        );
      if ((await blobs.write(key, own, context, { version: claim.blobVersion })) !== false) return;
    }
    throw new VivaceError('ABORTED', `${manifest.name} ${manifest.version} is being added by others: repeat`);
  }

  /** A claim is of use as long as there are files of the version, but no manifest. */
  #unclaimIfUseless(model: ModelVersion, context: CallContext): Promise<void> {
    const { blobs } = this.#store;
    return ignoringFaults(async () => {
      const { blobs: left } = await blobs.list(versionPrefix(model), context, { limit: 1 });
      if (left.length === 0 || (await this.#store.exists(model, context)))
        await blobs.delete(claimKey(model), context);
    });
  }
}

/** Takes a claim back. What goes wrong must not hide what happened before; a collection removes the claim later. */
async function ignoringFaults(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isVivaceError(error)) throw error;
  }
}

/** Counts what is transferred of a version. */
class Transfer {
  readonly #onProgress: AddVersionOptions['onProgress'];
  readonly #totalBytes: number;
  #bytes = 0;
  #foundBytes = 0;

  constructor({ files }: BundleManifest, onProgress: AddVersionOptions['onProgress']) {
    this.#onProgress = onProgress;
    this.#totalBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  async *counting(content: BlobContent): AsyncGenerator<Uint8Array> {
    for await (const chunk of content instanceof Uint8Array ? [content] : content) {
      this.#bytes += chunk.length;
      this.#tell();
      yield chunk;
    }
  }

  /** The file was there already. */
  found({ sizeBytes }: File): void {
    this.#bytes += sizeBytes;
    this.#foundBytes += sizeBytes;
    this.#tell();
  }

  /** The file was sent for nothing. */
  takeBack({ sizeBytes }: File): void {
    this.#bytes = Math.max(0, this.#bytes - sizeBytes);
  }

  #tell(): void {
    this.#onProgress?.({
      bytes: Math.min(this.#bytes, this.#totalBytes),
      totalBytes: this.#totalBytes,
      foundBytes: this.#foundBytes,
    });
  }
}

/** What two attempts to add the same have in common: all but when, and by whom. */
function digestOf(manifest: BundleManifest): string {
  const others = Object.entries(manifest).filter(([key]) => key !== 'pushed');
  return manifestDigest(Object.fromEntries(others) as BundleManifest);
}

function alreadyThere({ name, version }: ModelVersion): VivaceError {
  return new VivaceError(
    'ABORTED',
    `${name} ${version} already exists, and a version never changes: choose another version`,
  );
}
