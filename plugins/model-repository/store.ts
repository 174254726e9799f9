import {
  defaultAlias,
  isVivaceError,
  VivaceError,
  type AliasEntry,
  type BlobInfo,
  type BlobStore,
  type BundleManifest,
  type CallContext,
  type ModelVersion,
} from 'vivace';
import { aliasRemedy, parseAlias } from './alias.js';
import {
  aliasKey,
  isVersion,
  manifestKey,
  markKey,
  modelPrefix,
  parseKey,
  parseReference,
  type Stored,
} from './keys.js';
import { parseManifest, readWhole, remedyFor } from './manifests.js';

/** What a listing has found: what the key stands for, and the blob. */
export type Found = Stored & { readonly blob: BlobInfo };

/** What the blobs of a repository mean: looked up and parsed, never changed. */
export class Store {
  readonly blobs: BlobStore;

  constructor(blobs: BlobStore) {
    this.blobs = blobs;
  }

  async resolve(reference: string, context: CallContext): Promise<ModelVersion> {
    const { name, tag } = parseReference(reference);
    const [current] = await this.history(name, tag ?? defaultAlias, context);
    if (current !== undefined) return { name, version: current.version };
    if (tag !== undefined && (await this.exists({ name, version: tag }, context)))
      return { name, version: tag };
    throw await this.notFound(reference, name, context);
  }

  async exists(model: ModelVersion, context: CallContext): Promise<boolean> {
    return isVersion(model.version) && (await this.blobs.head(manifestKey(model), context)) !== undefined;
  }

  async manifest(model: ModelVersion, context: CallContext): Promise<BundleManifest> {
    const manifest = await this.findManifest(model, context);
    if (manifest !== undefined) return manifest;
    throw await this.notFound(`${model.name}@${model.version}`, model.name, context);
  }

  /** `undefined` where there is no such version. */
  async findManifest(model: ModelVersion, context: CallContext): Promise<BundleManifest | undefined> {
    const remedy = remedyFor(model);
    const bytes = await this.read(manifestKey(model), context, remedy);
    return bytes && parseManifest(bytes, model, remedy);
  }

  /** The moves of an alias, the newest first; empty where there is no such alias. */
  async history(name: string, alias: string, context: CallContext): Promise<readonly AliasEntry[]> {
    const key = aliasKey(name, alias);
    const bytes = await this.read(key, context, aliasRemedy);
    return bytes === undefined ? [] : parseAlias(bytes, key);
  }

  /** Whether a version is being removed. */
  async isMarked(model: ModelVersion, context: CallContext): Promise<boolean> {
    return (await this.blobs.head(markKey(model), context)) !== undefined;
  }

  /**
   * A small blob; `undefined` where there is none.
   *
   * @param remedy What the error of a blob that is too large ends with: what to do about it.
   */
  async read(key: string, context: CallContext, remedy?: string): Promise<Uint8Array | undefined> {
    try {
      return await readWhole(this.blobs.read(key, context), key, remedy);
    } catch (error) {
      if (isVivaceError(error) && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
  }

  /** Everything of a model, or of all models, as the keys tell it. */
  async *scan(name: string | undefined, context: CallContext): AsyncGenerator<Found> {
    for await (const blob of this.below(name === undefined ? '' : modelPrefix(name), context)) {
      const stored = parseKey(blob.key);
      if (stored !== undefined) yield { ...stored, blob };
    }
  }

  /** Every blob whose key begins so. */
  async *below(prefix: string, context: CallContext): AsyncGenerator<BlobInfo> {
    let after: string | undefined;
    do {
      const page = await this.blobs.list(prefix, context, after === undefined ? {} : { after });
      yield* page.blobs;
      after = page.next;
    } while (after !== undefined);
  }

  async list(
    name: string | undefined,
    context: CallContext,
  ): Promise<(ModelVersion & { aliases: string[] })[]> {
    const listed: (ModelVersion & { aliases: string[] })[] = [];
    const aliases: { name: string; alias: string }[] = [];
    for await (const found of this.scan(name, context)) {
      if (found.kind === 'manifest') listed.push({ name: found.name, version: found.version, aliases: [] });
      else if (found.kind === 'alias') aliases.push(found);
    }
    for (const { name: of, alias } of aliases) {
      const [current] = await this.history(of, alias, context);
      listed.find((known) => known.name === of && known.version === current?.version)?.aliases.push(alias);
    }
    return listed;
  }

  /** The error of what is not there, with what is. */
  async notFound(reference: string, name: string, context: CallContext): Promise<VivaceError> {
    const ofName = await this.list(name, context);
    if (ofName.length > 0) {
      const versions = ofName.map(({ version, aliases }) => [version, ...aliases].join(' = '));
      return new VivaceError(
        'NOT_FOUND',
        `there is no ${reference}; the versions of ${name} are ${shorten(versions)}`,
      );
    }
    // Keys: names of models.
    const names = new Set<string>();
    for await (const found of this.scan(undefined, context))
      if (found.kind === 'manifest') names.add(found.name);
    const what =
      names.size === 0
        ? 'the repository is empty: push a model first'
        : `the models are ${shorten([...names])}`;
    return new VivaceError('NOT_FOUND', `there is no model ${reference}; ${what}`);
  }
}

function shorten(names: readonly string[]): string {
  const shown = names.slice(-20).join(', ');
  return names.length > 20 ? `${shown} and ${names.length - 20} more` : shown;
}
