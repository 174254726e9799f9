import {
  formatMillis,
  isVivaceError,
  type BundleManifest,
  type CallContext,
  type ModelVersion,
  type VerifyFinding,
  type VerifyReport,
  type VivaceError,
} from 'vivace';
import { inParallel } from './in-parallel.js';
import { aliasKey, claimKey, markKey, versionPrefix } from './keys.js';
import { remedyFor } from './manifests.js';
import { readNote } from './notes.js';
import type { Store } from './store.js';
import { verified } from './verify.js';

type OnProgress = (progress: { readonly versions: number; readonly bytes: number }) => void;

/** What is stored of one version, by its keys. */
interface Listed extends ModelVersion {
  readonly paths: string[];
  isWhole: boolean;
}

/** Reads everything in a repository and compares it with what it should be. */
export class Audit {
  readonly #store: Store;
  readonly #context: CallContext;
  readonly #onProgress: OnProgress | undefined;
  readonly #findings: VerifyFinding[] = [];
  #versions = 0;
  #files = 0;
  #bytes = 0;
  #aliases = 0;

  constructor(store: Store, context: CallContext, onProgress: OnProgress | undefined) {
    this.#store = store;
    this.#context = context;
    this.#onProgress = onProgress;
  }

  async run(name: string | undefined): Promise<VerifyReport> {
    // Keys: names and versions of models.
    const versions = new Map<string, Listed>();
    const noted: (ModelVersion & { readonly kind: 'mark' | 'claim' })[] = [];
    const aliases: { readonly name: string; readonly alias: string }[] = [];
    for await (const found of this.#store.scan(name, this.#context)) {
      if (found.kind === 'alias') aliases.push(found);
      else if (found.kind === 'mark' || found.kind === 'claim')
        noted.push({ kind: found.kind, name: found.name, version: found.version });
      else {
        const { name: model, version, kind } = found;
        const id = `${model}/${version}`;
        const listed = versions.get(id) ?? { name: model, version, paths: [], isWhole: false };
        versions.set(id, listed);
        if (kind === 'file') listed.paths.push(found.path);
        else listed.isWhole = true;
      }
    }
    for (const version of versions.values()) await this.#version(version);
    for (const { name: model, alias } of aliases) await this.#alias(model, alias);
    for (const { kind, ...model } of noted) await this.#note(kind, model);
    return {
      versions: this.#versions,
      files: this.#files,
      bytes: this.#bytes,
      aliases: this.#aliases,
      findings: this.#findings,
    };
  }

  async #version(listed: Listed): Promise<void> {
    const { name, version, paths } = listed;
    const model = { name, version };
    const prefix = versionPrefix(model);
    let manifest: BundleManifest | undefined;
    try {
      manifest = await this.#store.findManifest(model, this.#context);
    } catch (error) {
      if (!isVivaceError(error) || !['DATA_LOSS', 'FAILED_PRECONDITION'].includes(error.code)) throw error;
      this.#versions++;
      return this.#find(kindOf(error) ?? 'damaged', model, error.message);
    }
    if (manifest === undefined) {
      // One that had its manifest a moment ago has been removed meanwhile.
      if (listed.isWhole) return;
      return this.#find(
        'left-over',
        model,
        `${prefix} has ${paths.length} files, but no model.json: a push is under way or broke off; repeat it, or delete them`,
      );
    }
    this.#versions++;
    // Keys: paths of a manifest.
    const known = new Set(manifest.files.map(({ path }) => path));
    for (const path of paths)
      if (!known.has(path))
        this.#find('left-over', model, `${prefix}${path} is not in the manifest: delete it`);
    await inParallel(manifest.files, this.#context.signal, (file, signal) =>
      this.#file(model, file, { ...this.#context, signal }),
    );
    this.#onProgress?.({ versions: this.#versions, bytes: this.#bytes });
  }

  async #file(
    model: ModelVersion,
    file: BundleManifest['files'][number],
    context: CallContext,
  ): Promise<void> {
    const key = versionPrefix(model) + file.path;
    const remedy = remedyFor(model);
    try {
      for await (const chunk of verified(this.#store.blobs.read(key, context), file, {
        code: 'DATA_LOSS',
        remedy,
      })) {
        this.#bytes += chunk.length;
        this.#onProgress?.({ versions: this.#versions, bytes: this.#bytes });
      }
      this.#files++;
    } catch (error) {
      if (!isVivaceError(error) || !['DATA_LOSS', 'NOT_FOUND'].includes(error.code)) throw error;
      if (!(await this.#store.exists(model, context))) return;
      this.#find(
        'damaged',
        model,
        error.code === 'NOT_FOUND'
          ? `there is no ${key}${remedy}`
          : `${versionPrefix(model)}${error.message}`,
      );
    }
  }

  async #alias(name: string, alias: string): Promise<void> {
    const model = { name, version: alias };
    try {
      const [current] = await this.#store.history(name, alias, this.#context);
      if (current === undefined) return;
      this.#aliases++;
      if (!(await this.#store.exists({ name, version: current.version }, this.#context)))
        this.#find(
          'dangling',
          model,
          `${aliasKey(name, alias)} points at ${current.version}, which is not there: roll it back, or promote another version`,
        );
    } catch (error) {
      if (!isVivaceError(error) || !['DATA_LOSS', 'FAILED_PRECONDITION'].includes(error.code)) throw error;
      this.#find(kindOf(error) ?? 'dangling', model, error.message);
    }
  }

  async #note(kind: 'mark' | 'claim', { name, version }: ModelVersion): Promise<void> {
    const model = { name, version };
    const key = kind === 'mark' ? markKey(model) : claimKey(model);
    const note = await readNote(this.#store, key, this.#context);
    if (note === undefined) return;
    const what = kind === 'mark' ? 'removing' : 'adding';
    this.#find(
      'left-over',
      model,
      `${key}: ${note.by} has been ${what} the version since ${formatMillis(note.at)}, or broke off: a later collection takes care of it`,
    );
  }

  #find(kind: VerifyFinding['kind'], { name, version }: ModelVersion, message: string): void {
    this.#findings.push({ kind, name, version, message });
  }
}

/** The kind of what a newer Vivace has written, which nothing is wrong with. */
function kindOf({ code }: VivaceError): 'newer' | undefined {
  return code === 'FAILED_PRECONDITION' ? 'newer' : undefined;
}
