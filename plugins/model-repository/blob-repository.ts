import {
  defaultAlias,
  isVivaceError,
  VivaceError,
  type BlobContent,
  type BlobStore,
  type Bundle,
  type BundleManifest,
  type CallContext,
  type ModelRepository,
  type ModelVersion,
  type Workspace,
} from 'vivace';
import { Copies } from './copies.js';
import { aliasKey, manifestKey, modelPrefix, parseKey, parseReference, versionPrefix } from './keys.js';
import { checkManifest, parseManifest, readWhole, remedyFor } from './manifests.js';
import { isVerified, verified } from './verify.js';

/** Bundles under `<name>/<version>/`, their manifest last; aliases as one small blob each, `<name>/aliases/<alias>`. */
export class BlobRepository implements ModelRepository {
  readonly #blobs: BlobStore;
  readonly #copies: Copies | undefined;

  constructor(
    blobs: BlobStore,
    { workspace, keepVersions }: { readonly workspace: Workspace | undefined; readonly keepVersions: number },
  ) {
    this.#blobs = blobs;
    this.#copies = workspace === undefined ? undefined : new Copies(workspace, keepVersions);
  }

  async stop(): Promise<void> {
    await this.#copies?.stop();
  }

  async resolve(reference: string, context: CallContext): Promise<ModelVersion> {
    const { name, tag } = parseReference(reference);
    const version = await this.#readAlias(name, tag ?? defaultAlias, context);
    if (version !== undefined) return { name, version };
    if (tag !== undefined && (await this.#exists({ name, version: tag }, context)))
      return { name, version: tag };
    throw await this.#notFound(reference, name, context);
  }

  async manifest(model: ModelVersion, context: CallContext): Promise<BundleManifest> {
    return parseManifest(await this.#manifestBytes(model, context), model, remedyFor(model));
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
      yield* this.#blobs.read(key, context);
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

  async add(
    given: BundleManifest,
    files: (path: string) => BlobContent,
    context: CallContext,
  ): Promise<void> {
    const manifest = checkManifest(given, 'the given manifest', { code: 'INVALID_ARGUMENT' });
    if (await this.#exists(manifest, context)) throw alreadyThere(manifest);
    const { name, version } = manifest;
    if ((await this.#readAlias(name, version, context)) !== undefined)
      throw sameName(`${name} has an alias "${version}", so a version cannot be called that`);
    for (const file of manifest.files) {
      const key = versionPrefix(manifest) + file.path;
      const content = verified(files(file.path), file, {
        code: 'INVALID_ARGUMENT',
        remedy: ': it was changed meanwhile; add the model again',
      });
      const written = await this.#blobs.write(key, content, context, 'absent');
      if (written === false && !(await isVerified(this.#blobs.read(key, context), file))) {
        throw new VivaceError(
          'ABORTED',
          `${key} already exists with other content: another process is adding this version, or broke off; choose another version`,
        );
      }
    }
    const bytes = new TextEncoder().encode(`${JSON.stringify(manifest, undefined, 2)}\n`);
    const written = await this.#blobs.write(manifestKey(manifest), bytes, context, 'absent');
    if (written === false) throw alreadyThere(manifest);
  }

  async setAlias(name: string, alias: string, version: string, context: CallContext): Promise<void> {
    const key = aliasKey(name, alias);
    const current = await this.#blobs.head(key, context);
    if (!(await this.#exists({ name, version }, context)))
      throw await this.#notFound(`${name}@${version}`, name, context);
    if (await this.#exists({ name, version: alias }, context))
      throw sameName(`${name} has a version "${alias}", so an alias cannot be called that`);
    const condition = current === undefined ? 'absent' : { version: current.version };
    const written = await this.#blobs.write(key, new TextEncoder().encode(version), context, condition);
    if (written === false) {
      throw new VivaceError(
        'ABORTED',
        `${name}@${alias} was changed by another process at the same time: look at it again, then repeat`,
      );
    }
  }

  async list(
    context: CallContext,
    { name }: { readonly name?: string } = {},
  ): Promise<readonly (ModelVersion & { readonly aliases: readonly string[] })[]> {
    return this.#list(name === undefined ? '' : modelPrefix(name), context);
  }

  async #list(prefix: string, context: CallContext): Promise<(ModelVersion & { aliases: string[] })[]> {
    const { versions, aliases } = await this.#scan(prefix, context);
    const listed = versions.map((model) => ({ ...model, aliases: [] as string[] }));
    for (const { name, alias } of aliases) {
      const version = await this.#readAlias(name, alias, context);
      listed.find((known) => known.name === name && known.version === version)?.aliases.push(alias);
    }
    return listed;
  }

  /** What the keys alone say. */
  async #scan(
    prefix: string,
    context: CallContext,
  ): Promise<{ versions: ModelVersion[]; aliases: { name: string; alias: string }[] }> {
    const versions: ModelVersion[] = [];
    const aliases: { name: string; alias: string }[] = [];
    let after: string | undefined;
    do {
      const page = await this.#blobs.list(prefix, context, after === undefined ? {} : { after });
      for (const { key } of page.blobs) {
        const parsed = parseKey(key);
        if (parsed === undefined) continue;
        if ('alias' in parsed) aliases.push(parsed);
        else versions.push(parsed);
      }
      after = page.next;
    } while (after !== undefined);
    return { versions, aliases };
  }

  async #readAlias(name: string, alias: string, context: CallContext): Promise<string | undefined> {
    const bytes = await this.#read(aliasKey(name, alias), context);
    return bytes && new TextDecoder().decode(bytes).trim();
  }

  async #exists(model: ModelVersion, context: CallContext): Promise<boolean> {
    return (await this.#blobs.head(manifestKey(model), context)) !== undefined;
  }

  async #manifestBytes(model: ModelVersion, context: CallContext): Promise<Uint8Array> {
    const bytes = await this.#read(manifestKey(model), context);
    if (bytes !== undefined) return bytes;
    throw await this.#notFound(`${model.name}@${model.version}`, model.name, context);
  }

  /** A small blob; `undefined` where there is none. */
  async #read(key: string, context: CallContext): Promise<Uint8Array | undefined> {
    try {
      return await readWhole(this.#blobs.read(key, context));
    } catch (error) {
      if (isVivaceError(error) && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
  }

  async #notFound(reference: string, name: string, context: CallContext): Promise<VivaceError> {
    const ofName = await this.#list(modelPrefix(name), context);
    if (ofName.length > 0) {
      const versions = ofName.map(({ version, aliases }) => [version, ...aliases].join(' = '));
      return new VivaceError(
        'NOT_FOUND',
        `there is no ${reference}; the versions of ${name} are ${shorten(versions)}`,
      );
    }
    const { versions: all } = await this.#scan('', context);
    // Keys: names of models.
    const names = [...new Set(all.map((model) => model.name))];
    const what =
      names.length === 0 ? 'the repository is empty: add a model first' : `the models are ${shorten(names)}`;
    return new VivaceError('NOT_FOUND', `there is no model ${reference}; ${what}`);
  }
}

function shorten(names: readonly string[]): string {
  const shown = names.slice(-20).join(', ');
  return names.length > 20 ? `${shown} and ${names.length - 20} more` : shown;
}

function sameName(what: string): VivaceError {
  return new VivaceError('INVALID_ARGUMENT', `${what}: a reference must mean one of them`);
}

function alreadyThere({ name, version }: ModelVersion): VivaceError {
  return new VivaceError(
    'ABORTED',
    `${name} ${version} already exists, and a version never changes: choose another version`,
  );
}
