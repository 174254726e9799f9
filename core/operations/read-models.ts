import type { Server } from '../composition/server-interface.js';
import type { CallContext } from '../kernel/call.js';
import { differenceOf } from '../models/difference.js';
import type { BundleManifest } from '../models/bundle.js';
import type { AliasEntry, ModelVersion, VerifyReport } from '../ports/model-repository.js';
import { canonicalJson } from '../kernel/canonical-json.js';
import { startedRepository } from './model-aliases.js';

/** A version of a model, and the aliases that point at it. */
export interface ListedModel extends ModelVersion {
  readonly aliases: readonly string[];
}

/** All that a repository knows of a version. */
export interface ShownModel {
  readonly manifest: BundleManifest;
  /** Those that point at it. */
  readonly aliases: readonly string[];
  /** The moves of these aliases, the newest first. */
  readonly histories: Readonly<Record<string, readonly AliasEntry[]>>;
}

/** Something that one version has otherwise than another; `null` where it lacks it. */
export interface ModelChange {
  /** `runtime`, `files.model.onnx`, `featuresLock.route_delay`, `info.rmse`. */
  readonly what: string;
  readonly from: unknown;
  readonly to: unknown;
}

/** What differs between two versions. */
export interface ModelDifference {
  readonly from: ModelVersion;
  readonly to: ModelVersion;
  /** What keeps `to` from taking the place of `from` while servers run; `null` where nothing does. */
  readonly incompatible: string | null;
  readonly changes: readonly ModelChange[];
}

interface WhichRepository {
  /** The model-repository part; default: the only one. */
  readonly repository?: string;
}

/**
 * The versions of every model, or of one, with their aliases.
 *
 * A new server starts the repository; a server that has started is used as it is. In both cases the caller stops it.
 *
 * @param options.name Only versions of this model.
 * @throws {VivaceError} `NOT_FOUND` where there is no such repository.
 */
export async function listModels(
  server: Server,
  { repository, name }: WhichRepository & { readonly name?: string },
  context: CallContext,
): Promise<readonly ListedModel[]> {
  const models = await startedRepository(server, repository, context);
  return models.list(context, name === undefined ? {} : { name });
}

/**
 * All that the repository knows of a version.
 *
 * A new server starts the repository; a server that has started is used as it is. In both cases the caller stops it.
 *
 * @param options.model `name`, `name@alias` or `name@version`.
 * @throws {VivaceError} `NOT_FOUND` with what there is.
 */
export async function showModel(
  server: Server,
  { repository, model }: WhichRepository & { readonly model: string },
  context: CallContext,
): Promise<ShownModel> {
  const models = await startedRepository(server, repository, context);
  const { name, version } = await models.resolve(model, context);
  const manifest = await models.manifest({ name, version }, context);
  const listed = await models.list(context, { name });
  const aliases = listed.find((known) => known.version === version)?.aliases ?? [];
  const histories: Record<string, readonly AliasEntry[]> = {};
  for (const alias of aliases) histories[alias] = await models.history(name, alias, context);
  return { manifest, aliases, histories };
}

/**
 * What differs between two versions, of one model or of two.
 *
 * A new server starts the repository; a server that has started is used as it is. In both cases the caller stops it.
 *
 * @param options.from `name`, `name@alias` or `name@version`.
 * @param options.to As `from`.
 * @throws {VivaceError} `NOT_FOUND` with what there is.
 */
export async function diffModels(
  server: Server,
  { repository, ...options }: WhichRepository & { readonly from: string; readonly to: string },
  context: CallContext,
): Promise<ModelDifference> {
  const models = await startedRepository(server, repository, context);
  const [from, to] = [await models.resolve(options.from, context), await models.resolve(options.to, context)];
  const [was, is] = [await models.manifest(from, context), await models.manifest(to, context)];
  return {
    from,
    to,
    incompatible: differenceOf(was, is, { was: from.version }) ?? null,
    changes: changesBetween(comparable(was), comparable(is)),
  };
}

/** What of a manifest is compared, by name: not what must differ between two versions. */
function comparable(manifest: BundleManifest): ReadonlyMap<string, unknown> {
  const { runtime, entry, signature, selfTest, files, featuresLock = {}, info = {} } = manifest;
  const named = (prefix: string, values: object): [string, unknown][] =>
    Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]);
  return new Map<string, unknown>([
    ['runtime', runtime],
    ['entry', entry],
    ['over', signature.over],
    ...named('inputs', Object.fromEntries(signature.inputs.map(({ name, ...rest }) => [name, rest]))),
    ...named('outputs', Object.fromEntries(signature.outputs.map(({ name, ...rest }) => [name, rest]))),
    ...named('files', Object.fromEntries(files.map(({ path, ...rest }) => [path, rest]))),
    ...named('featuresLock', featuresLock),
    ...named('info', info),
    ...(selfTest === undefined ? [] : ([['selfTest', selfTest]] as const)),
  ]);
}

function changesBetween(
  was: ReadonlyMap<string, unknown>,
  is: ReadonlyMap<string, unknown>,
): readonly ModelChange[] {
  return [...new Set([...was.keys(), ...is.keys()])].flatMap((what) => {
    const [from, to] = [was.get(what) ?? null, is.get(what) ?? null];
    return canonicalJson(from) === canonicalJson(to) ? [] : [{ what, from, to }];
  });
}

/**
 * Reads every file of every version, or of one model, and compares it with its manifest; looks for aliases that point nowhere and for what is left over.
 *
 * A new server starts the repository; a server that has started is used as it is. In both cases the caller stops it.
 *
 * @throws {VivaceError} `NOT_FOUND` where there is no such repository.
 */
export async function verifyModels(
  server: Server,
  {
    repository,
    ...options
  }: WhichRepository & {
    readonly name?: string;
    readonly onProgress?: (progress: { readonly versions: number; readonly bytes: number }) => void;
  },
  context: CallContext,
): Promise<VerifyReport> {
  const models = await startedRepository(server, repository, context);
  return models.verify(context, options);
}
