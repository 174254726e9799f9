import {
  isVivaceError,
  manifestDigest,
  VivaceError,
  type BlobContent,
  type Bundle,
  type BundleManifest,
  type CallContext,
  type ErrorCode,
  type ModelVersion,
  type Workspace,
} from 'vivace';
import { aliasFolder } from './keys.js';
import { parseManifest, readWhole, remedyFor } from './manifests.js';
import { isVerified, verified } from './verify.js';

/** A version on the disk: `<name>/<version>/<digest>`, where the digest is that of its manifest, and with it of every file. */
interface Copy extends ModelVersion {
  readonly digest: string;
}

/** What the workspace holds of a model, the oldest first. */
interface Held {
  readonly copies: readonly Copy[];
  /** Which version an alias meant when it was last served. */
  readonly aliases: readonly { readonly alias: string; readonly copy: Copy }[];
}

/**
 * Versions on the disk, and which of them each alias last meant.
 *
 * Nothing here is believed: a copy is its manifest, whose digest is in its name, and the files that the manifest describes.
 */
export class Copies {
  readonly #workspace: Workspace;
  readonly #keepVersions: number;
  /** Reference → the copy that serves under it in this process. */
  // Keys: versions of models.
  readonly #retained = new Map<string, Copy>();
  /** The names of copies that are kept from other processes, which prune the same workspace: those that serve, and those on their way. */
  // Keys: versions of models.
  readonly #holding = new Set<string>();
  /** Who is at a copy, by its name. */
  // Keys: versions of models.
  readonly #turns = new Map<string, Promise<Bundle>>();

  constructor(workspace: Workspace, keepVersions: number) {
    this.#workspace = workspace;
    this.#keepVersions = keepVersions;
  }

  /**
   * A whole copy of a version: the one on the disk or, where that is corrupt or missing, a new one. One caller at a time: a second one would
   * take what the first is writing anew for corrupt.
   *
   * @param files The stored content of a file of the manifest.
   */
  async restore(
    manifest: BundleManifest,
    files: (path: string) => BlobContent,
    context: CallContext,
  ): Promise<Bundle> {
    const name = nameOf(copyOf(manifest));
    const before = this.#turns.get(name);
    const turn = (async () => {
      await before?.catch(() => undefined);
      await this.#hold(name, context);
      return (await this.#find(manifest, context)) ?? (await this.#add(manifest, files, context));
    })();
    this.#turns.set(name, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(name) === turn) this.#turns.delete(name);
    }
  }

  /** A whole copy; `undefined` where there is none. A corrupt one is removed. */
  async #find(manifest: BundleManifest, context: CallContext): Promise<Bundle | undefined> {
    const name = nameOf(copyOf(manifest));
    const directory = await this.#workspace.find(name, context);
    if (directory === undefined) return undefined;
    const corrupt = await this.#corruptFile(name, manifest, context);
    if (corrupt === undefined) return { manifest, directory };
    try {
      await this.#workspace.remove(name, context);
    } catch (cause) {
      throw new VivaceError(
        'DATA_LOSS',
        `${corrupt} in ${directory} is not what its manifest says, and the directory cannot be removed: delete it, and it is fetched anew`,
        { cause },
      );
    }
    return undefined;
  }

  /** Writes a copy of a version, verified while it is written. */
  async #add(
    manifest: BundleManifest,
    files: (path: string) => BlobContent,
    context: CallContext,
  ): Promise<Bundle> {
    const own = new TextEncoder().encode(JSON.stringify(manifest));
    const directory = await this.#workspace.stage(
      nameOf(copyOf(manifest)),
      async (put) => {
        for (const file of manifest.files)
          await put(
            file.path,
            verified(files(file.path), file, { code: 'DATA_LOSS', remedy: remedyFor(manifest) }),
          );
        await put('model.json', own);
      },
      context,
      { sizeBytes: manifest.files.reduce((sum, file) => sum + file.sizeBytes, own.length) },
    );
    return { manifest, directory };
  }

  /** Notes what a reference means, and removes the copies that nothing needs. */
  async retain(
    reference: string,
    alias: string | undefined,
    manifest: BundleManifest,
    context: CallContext,
  ): Promise<void> {
    const copy = copyOf(manifest);
    const before = this.#retained.get(reference);
    this.#retained.set(reference, copy);
    const serving = [...this.#retained.values()].map(nameOf);
    if (alias !== undefined) await this.#record(alias, copy, context);
    if (before !== undefined && !serving.includes(nameOf(before)))
      await this.#release(nameOf(before), context);
    await this.#prune(manifest.name, context);
  }

  /** The version that was last retained for an alias, or a copy of the version that the tag names. */
  async lastKnown(name: string, tag: string, context: CallContext): Promise<Bundle | undefined> {
    const { copies, aliases } = await this.#held(name, context);
    const recorded = aliases.filter(({ alias }) => alias === tag).map(({ copy }) => copy);
    const wanted = [...copies.filter(({ version }) => version === tag), ...recorded];
    let corrupt: VivaceError | undefined;
    for (const copy of wanted.reverse()) {
      await this.#hold(nameOf(copy), context);
      const directory = await this.#workspace.find(nameOf(copy), context);
      if (directory === undefined) {
        await this.#release(nameOf(copy), context);
        continue;
      }
      try {
        return { manifest: await this.#verifiedManifest(copy, context), directory };
      } catch (cause) {
        if (!isCorrupt(cause)) throw cause;
        corrupt ??= new VivaceError(
          'DATA_LOSS',
          `the copy of ${name} ${copy.version} in ${directory} is corrupt (${cause.message}): delete it; it is fetched anew once the repository answers`,
          { cause },
        );
      }
    }
    if (corrupt !== undefined) throw corrupt;
    return undefined;
  }

  /** A newer record is written before the older ones go: whenever this breaks off, an alias means something. */
  async #record(alias: string, copy: Copy, context: CallContext): Promise<void> {
    const { aliases } = await this.#held(copy.name, context);
    const records = aliases.filter((record) => record.alias === alias);
    const last = records.at(-1);
    if (last !== undefined && nameOf(last.copy) === nameOf(copy) && records.length === 1) return;
    // A record counts by its age: one that is there already is written anew.
    const older = records.map((record) => recordOf(alias, record.copy));
    const own = recordOf(alias, copy);
    if (older.includes(own)) await this.#workspace.remove(own, context);
    await this.#workspace.stage(own, async (put) => void (await put('retained', new Uint8Array(0))), context);
    for (const name of older) if (name !== own) await this.#workspace.remove(name, context);
  }

  async #prune(model: string, context: CallContext): Promise<void> {
    const { copies, aliases } = await this.#held(model, context);
    // Keys: versions of models.
    const kept = new Set([...this.#retained.values(), ...aliases.map(({ copy }) => copy)].map(nameOf));
    const names = copies.map(nameOf);
    let count = names.filter((name) => kept.has(name)).length;
    for (const name of names.toReversed()) {
      if (kept.has(name)) continue;
      if (count++ < this.#keepVersions) continue;
      await this.#workspace.remove(name, context, { unlessHeld: true });
    }
  }

  /** Ends what keeps copies from other processes: nothing of them is needed any more. */
  async stop(): Promise<void> {
    const context = { signal: new AbortController().signal };
    await Promise.all([...this.#holding].map(async (name) => this.#release(name, context)));
  }

  /** A copy that cannot be held, as on a disk that is full or mounted read-only, serves all the same. */
  async #hold(name: string, context: CallContext): Promise<void> {
    if (this.#holding.has(name)) return;
    try {
      await this.#workspace.hold(name, context);
      this.#holding.add(name);
    } catch (error) {
      if (!isVivaceError(error) || !unwritable.includes(error.code)) throw error;
    }
  }

  async #release(name: string, context: CallContext): Promise<void> {
    if (this.#holding.delete(name)) await this.#workspace.release(name, context);
  }

  async #held(model: string, context: CallContext): Promise<Held> {
    const copies: Copy[] = [];
    const aliases: { alias: string; copy: Copy }[] = [];
    for (const name of await this.#workspace.list(`${model}/`, context)) {
      const segments = name.split('/');
      const [, first, second, version, digest] = segments as [string, string, string, string, string];
      if (segments.length === 3) copies.push({ name: model, version: first, digest: second });
      else if (segments.length === 5 && first === aliasFolder)
        aliases.push({ alias: second, copy: { name: model, version, digest } });
    }
    return { copies, aliases };
  }

  /** The path of the first file of a copy that is not what the manifest says. */
  async #corruptFile(
    name: string,
    manifest: BundleManifest,
    context: CallContext,
  ): Promise<string | undefined> {
    for (const file of manifest.files) {
      try {
        if (!(await isVerified(this.#workspace.read(name, file.path, context), file))) return file.path;
      } catch (error) {
        if (!isVivaceError(error) || error.code !== 'NOT_FOUND') throw error;
        return file.path;
      }
    }
    return undefined;
  }

  async #verifiedManifest(copy: Copy, context: CallContext): Promise<BundleManifest> {
    const name = nameOf(copy);
    const bytes = await readWhole(this.#workspace.read(name, 'model.json', context), 'model.json');
    const manifest = parseManifest(bytes, copy);
    if (copyOf(manifest).digest !== copy.digest)
      throw new VivaceError('DATA_LOSS', 'model.json is not the one that was fetched');
    const corrupt = await this.#corruptFile(name, manifest, context);
    if (corrupt !== undefined) throw new VivaceError('DATA_LOSS', `${corrupt} is not what its manifest says`);
    return manifest;
  }
}

/** The errors of a disk that takes nothing. */
const unwritable: readonly ErrorCode[] = ['PERMISSION_DENIED', 'RESOURCE_EXHAUSTED'];

function isCorrupt(error: unknown): error is VivaceError {
  return isVivaceError(error) && (error.code === 'DATA_LOSS' || error.code === 'NOT_FOUND');
}

function copyOf(manifest: BundleManifest): Copy {
  const { name, version } = manifest;
  return { name, version, digest: manifestDigest(manifest).slice(0, 16) };
}

function nameOf({ name, version, digest }: Copy): string {
  return `${name}/${version}/${digest}`;
}

function recordOf(alias: string, { name, version, digest }: Copy): string {
  return `${name}/${aliasFolder}/${alias}/${version}/${digest}`;
}
