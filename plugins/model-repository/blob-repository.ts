import {
  defaultAlias,
  isVivaceError,
  VivaceError,
  type AddVersionOptions,
  type AliasChange,
  type AliasEntry,
  type AliasMove,
  type BlobContent,
  type BlobStore,
  type Bundle,
  type BundleManifest,
  type CallContext,
  type CollectedVersion,
  type CollectOptions,
  type ModelRepository,
  type ModelVersion,
  type VerifyReport,
  type Workspace,
} from 'vivace';
import { Adding } from './adding.js';
import { Aliases } from './aliases.js';
import { Audit } from './audit.js';
import { Collection } from './collection.js';
import { Copies } from './copies.js';
import { parseReference, versionPrefix } from './keys.js';
import { remedyFor } from './manifests.js';
import { Store } from './store.js';
import { verified } from './verify.js';

/** Bundles under `<name>/<version>/`, their manifest last; aliases as one small blob each, `<name>/aliases/<alias>`. */
export class BlobRepository implements ModelRepository {
  readonly #store: Store;
  readonly #adding: Adding;
  readonly #aliases: Aliases;
  readonly #collection: Collection;
  readonly #copies: Copies | undefined;

  /** @param options.now Epoch milliseconds. */
  constructor(
    blobs: BlobStore,
    {
      workspace,
      keepVersions,
      now,
    }: {
      readonly workspace: Workspace | undefined;
      readonly keepVersions: number;
      readonly now: () => number;
    },
  ) {
    this.#store = new Store(blobs);
    this.#adding = new Adding(this.#store, now);
    this.#aliases = new Aliases(this.#store, now);
    this.#collection = new Collection(this.#store, now);
    this.#copies = workspace === undefined ? undefined : new Copies(workspace, keepVersions);
  }

  async stop(): Promise<void> {
    await this.#copies?.stop();
  }

  resolve(reference: string, context: CallContext): Promise<ModelVersion> {
    return this.#store.resolve(reference, context);
  }

  manifest(model: ModelVersion, context: CallContext): Promise<BundleManifest> {
    return this.#store.manifest(model, context);
  }

  async *readFile(model: ModelVersion, path: string, context: CallContext): AsyncGenerator<Uint8Array> {
    const manifest = await this.#store.manifest(model, context);
    const file = manifest.files.find((known) => known.path === path);
    if (file === undefined)
      throw new VivaceError('NOT_FOUND', `${model.name} ${model.version} has no file ${path}`);
    yield* verified(this.#file(manifest, path, context), file, {
      code: 'DATA_LOSS',
      remedy: remedyFor(model),
    });
  }

  async fetch(model: ModelVersion, context: CallContext): Promise<Bundle> {
    const copies = this.#copiesOrFail();
    return this.#restore(copies, await this.manifest(model, context), context);
  }

  async restore({ manifest }: Bundle, context: CallContext): Promise<Bundle> {
    return this.#restore(this.#copiesOrFail(), manifest, context);
  }

  async retain(reference: string, { manifest }: Bundle, context: CallContext): Promise<void> {
    const { tag = defaultAlias } = parseReference(reference);
    // A version says itself which copy it means.
    const alias = tag === manifest.version ? undefined : tag;
    await this.#copiesOrFail().retain(reference, alias, manifest, context);
  }

  async lastKnown(reference: string, context: CallContext): Promise<Bundle | undefined> {
    const { name, tag = defaultAlias } = parseReference(reference);
    return this.#copies?.lastKnown(name, tag, context);
  }

  #restore(copies: Copies, manifest: BundleManifest, context: CallContext): Promise<Bundle> {
    return copies.restore(manifest, (path) => this.#file(manifest, path, context), context);
  }

  /** A file of a version that is there: without it, the version is damaged. */
  async *#file(model: ModelVersion, path: string, context: CallContext): AsyncGenerator<Uint8Array> {
    const key = versionPrefix(model) + path;
    try {
      yield* this.#store.blobs.read(key, context);
    } catch (cause) {
      if (!isVivaceError(cause) || cause.code !== 'NOT_FOUND') throw cause;
      throw new VivaceError('DATA_LOSS', `there is no ${key}${remedyFor(model)}`, { cause });
    }
  }

  #copiesOrFail(): Copies {
    if (this.#copies !== undefined) return this.#copies;
    throw new VivaceError(
      'FAILED_PRECONDITION',
      'models are fetched into a workspace, but none is set: add "workspace: <name of a filesystem part>" to this part',
    );
  }

  add(
    manifest: BundleManifest,
    files: (path: string) => BlobContent,
    context: CallContext,
    options?: AddVersionOptions,
  ): Promise<void> {
    return this.#adding.add(manifest, files, context, options);
  }

  setAlias(
    name: string,
    alias: string,
    version: string,
    context: CallContext,
    change?: AliasChange,
  ): Promise<AliasMove> {
    return this.#aliases.set({ name, version }, alias, context, change);
  }

  rollback(
    name: string,
    alias: string,
    context: CallContext,
    change?: Omit<AliasChange, 'kind'> & { readonly version?: string },
  ): Promise<AliasMove> {
    return this.#aliases.rollback(name, alias, context, change);
  }

  async history(name: string, alias: string, context: CallContext): Promise<readonly AliasEntry[]> {
    const history = await this.#store.history(name, alias, context);
    if (history.length > 0) return history;
    throw await this.#store.notFound(`${name}@${alias}`, name, context);
  }

  async list(
    context: CallContext,
    { name }: { readonly name?: string } = {},
  ): Promise<readonly (ModelVersion & { readonly aliases: readonly string[] })[]> {
    return this.#store.list(name, context);
  }

  collect(context: CallContext, options: CollectOptions): Promise<readonly CollectedVersion[]> {
    return this.#collection.collect(context, options);
  }

  verify(
    context: CallContext,
    {
      name,
      onProgress,
    }: {
      readonly name?: string;
      readonly onProgress?: (progress: { readonly versions: number; readonly bytes: number }) => void;
    } = {},
  ): Promise<VerifyReport> {
    return new Audit(this.#store, context, onProgress).run(name);
  }
}
