import {
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
import { createHash } from 'node:crypto';
import { aliasKey, manifestKey, parseKey, parseReference, versionPrefix } from './keys.js';
import { checkManifest, parseManifest, readWhole } from './manifests.js';
import { isVerified, verified } from './verify.js';

/** What a reference without alias and version means. */
const defaultAlias = 'champion';

/** Bundles under `<name>/<version>/`, their manifest last; aliases as one small blob each, `<name>/aliases/<alias>`. */
export class BlobRepository implements ModelRepository {
  readonly #blobs: BlobStore;
  readonly #workspace: Workspace | undefined;

  constructor(blobs: BlobStore, workspace: Workspace | undefined) {
    this.#blobs = blobs;
    this.#workspace = workspace;
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
    return parseManifest(await this.#manifestBytes(model, context), model);
  }

  async fetch(model: ModelVersion, context: CallContext): Promise<Bundle> {
    const workspace = this.#workspace;
    if (workspace === undefined) {
      throw new VivaceError(
        'FAILED_PRECONDITION',
        'models are fetched into a workspace, but none is set: add "workspace: <name of a filesystem part>" to this part',
      );
    }
    const bytes = await this.#manifestBytes(model, context);
    const manifest = parseManifest(bytes, model);
    // The manifest names every file's digest: a version that was written anew elsewhere is another directory.
    const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
    const name = `${model.name}/${model.version}-${digest}`;
    const found = await workspace.find(name, context);
    if (found !== undefined) return { manifest, directory: found };
    const directory = await workspace.stage(
      name,
      async (put) => {
        for (const file of manifest.files) {
          const content = this.#blobs.read(versionPrefix(model) + file.path, context);
          await put(file.path, verified(content, file, 'DATA_LOSS'));
        }
        await put('model.json', bytes);
      },
      context,
    );
    return { manifest, directory };
  }

  async add(
    given: BundleManifest,
    files: (path: string) => BlobContent,
    context: CallContext,
  ): Promise<void> {
    const manifest = checkManifest(given, 'the given manifest', 'INVALID_ARGUMENT');
    if (await this.#exists(manifest, context)) throw alreadyThere(manifest);
    const { name, version } = manifest;
    if ((await this.#readAlias(name, version, context)) !== undefined)
      throw sameName(`${name} has an alias "${version}", so a version cannot be called that`);
    for (const file of manifest.files) {
      const key = versionPrefix(manifest) + file.path;
      const content = verified(files(file.path), file, 'INVALID_ARGUMENT');
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
  ): Promise<readonly (ModelVersion & { readonly aliases: readonly string[] })[]> {
    return this.#list('', context);
  }

  async #list(prefix: string, context: CallContext): Promise<(ModelVersion & { aliases: string[] })[]> {
    const versions: (ModelVersion & { aliases: string[] })[] = [];
    const aliases: { name: string; alias: string }[] = [];
    let after: string | undefined;
    do {
      const page = await this.#blobs.list(prefix, context, after === undefined ? {} : { after });
      for (const { key } of page.blobs) {
        const parsed = parseKey(key);
        if (parsed === undefined) continue;
        if ('alias' in parsed) aliases.push(parsed);
        else versions.push({ ...parsed, aliases: [] });
      }
      after = page.next;
    } while (after !== undefined);
    for (const { name, alias } of aliases) {
      const version = await this.#readAlias(name, alias, context);
      versions.find((known) => known.name === name && known.version === version)?.aliases.push(alias);
    }
    return versions;
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
    const ofName = await this.#list(`${name}/`, context);
    if (ofName.length > 0) {
      const versions = ofName.map(({ version, aliases }) => [version, ...aliases].join(' = '));
      return new VivaceError(
        'NOT_FOUND',
        `there is no ${reference}; the versions of ${name} are ${shorten(versions)}`,
      );
    }
    const names = [...new Set((await this.#list('', context)).map((model) => model.name))];
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
