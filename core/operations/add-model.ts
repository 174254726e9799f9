import { createReadStream } from 'node:fs';
import { z } from 'zod';
import { onlyPart } from '../composition/only-part.js';
import type { Server } from '../composition/server-interface.js';
import { didYouMean } from '../config/did-you-mean.js';
import { ConfigError } from '../config/mistake.js';
import { pathNames } from '../config/names.js';
import type { CallContext } from '../kernel/call.js';
import { asVivaceError, VivaceError } from '../kernel/errors.js';
import { bundleManifest, signature, type BundleManifest, type Signature } from '../models/bundle.js';
import type { PlanNode } from '../pipeline/plan.js';
import {
  defaultAlias,
  modelRepository,
  type ModelRepository,
  type ModelVersion,
} from '../ports/model-repository.js';
import { predictorRuntime } from '../ports/predictor-runtime.js';
import { checkCounts, withColumns, type ModelColumns } from './model-columns.js';
import { describeFile, modelFile, otherFiles, pathIn, readSignature } from './model-file.js';
import { startNeeded } from './with-server.js';
import { parseOption, wrongOption } from './wrong-option.js';

/** A model to be added to a repository. */
export interface AddModelOptions {
  /** The model: an `.onnx`, `.js` or `.mjs` file. The files in which an `.onnx` file keeps weights are taken along. */
  readonly file: string;
  readonly name: string;
  /** Default: the next whole number. */
  readonly version?: string;
  /** What fills the inputs; not needed where the pipelines say it in their `predict.inputs`. */
  readonly columns?: ModelColumns;
  /** The alias to point at the version; default `champion`. */
  readonly alias?: string | false;
  /** A `Signature`, for a file that does not hold it; default: read from the file by a predictor-runtime part. */
  readonly signature?: unknown;
  /** The manifest of the training set: its id is kept as `info.trainingSet`, the versions of its views as `featuresLock`. */
  readonly trainingSet?: unknown;
  /** An object to keep with the model, such as its metrics. */
  readonly info?: unknown;
  /** The model-repository part; default: the only one. */
  readonly repository?: string;
}

/** A version that was added. */
export interface AddedModel {
  readonly manifest: BundleManifest;
  /** The alias that points at it. */
  readonly alias: string | undefined;
  /** Where no predictor of the configuration uses the model: that it is so, and which name may have been meant. */
  readonly unused?: string;
}

/** A version of a model, and the aliases that point at it. */
export interface ListedModel extends ModelVersion {
  readonly aliases: readonly string[];
}

const pathName = z.string().regex(pathNames.pattern, `cannot be a name: a name has ${pathNames.text}`);

/**
 * Adds a version of a model, and points an alias at it. Before it writes anything, it compiles every pipeline that will use the model with
 * it.
 *
 * A new server starts the repository, and the predictor runtimes where they read the signature; a server that has started is used as it is.
 * In both cases the caller stops it.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT`, with the option as `path`, where one cannot be used or the version exists; `NOT_FOUND` where
 *   there is no such repository.
 * @throws {ConfigError} where the model does not fit a pipeline.
 */
export async function addModel(
  server: Server,
  options: AddModelOptions,
  context: CallContext,
): Promise<AddedModel> {
  const { alias = defaultAlias } = options;
  parseOption(pathName, options.name, 'name');
  if (alias !== false) parseOption(pathName, alias, 'alias');
  const file = modelFile(options.file);
  const described = [await describeFile(file, context)];
  const notes = notesOf(options);
  const repository = onlyPart(server, modelRepository, { wanted: options.repository });
  // A .js model whose signature is given needs no runtime to be understood; an .onnx model may keep its weights elsewhere.
  const runtimes =
    options.signature === undefined || file.kind !== 'javascript'
      ? server.bindings.filter(({ ports }) => ports.includes(predictorRuntime.name)).map(({ name }) => name)
      : [];
  await startNeeded(server, [repository, ...runtimes], context);
  const models = server.part(modelRepository, repository);
  for (const other of await otherFiles(server, { file, runtimes }, context))
    described.push(await describeFile(file, context, other));
  const bare =
    options.signature === undefined
      ? await readSignature(server, { file, runtimes }, context)
      : parseOption(signature, options.signature, 'signature');
  const manifest = parseOption(bundleManifest, {
    format: 1,
    name: options.name,
    version: await versionOf(models, options, context),
    runtime: file.kind,
    entry: file.name,
    files: described,
    signature: options.columns === undefined ? bare : withColumns(bare, options.columns),
    ...notes,
  });
  try {
    await checkPipelines(server, { repository, manifest, alias });
  } catch (error) {
    throw options.columns === undefined ? error : asColumns(error, options.columns);
  }
  await models.add(manifest, (path) => createReadStream(pathIn(file, path)), context);
  if (alias !== false) await pointAt(models, { ...manifest, alias }, context);
  const unused = unusedText(server, repository, manifest.name);
  return {
    manifest,
    alias: alias === false ? undefined : alias,
    ...(unused === undefined ? {} : { unused }),
  };
}

/** The mistakes that a pipeline makes of the given columns, as mistakes of that option: none of them stands in the file. */
function asColumns(error: unknown, columns: ModelColumns): unknown {
  if (!(error instanceof ConfigError)) return error;
  const names = Object.values(columns).flat() as readonly string[];
  const found = error.mistakes.flatMap(({ path, message }) => {
    const isOfInput = path[0] === 'pipelines' && path[4] === 'inputs';
    const isOfColumn =
      names.some((name) => message.includes(`"${name}"`)) || message.startsWith('the columns give');
    return isOfInput && isOfColumn ? [`${message} (pipeline "${path[1]}")`] : [];
  });
  return found.length === error.mistakes.length && found.length > 0
    ? wrongOption('columns', found.join('; '), error)
    : error;
}

/** What to say where no predictor of the configuration uses a model of the repository. */
function unusedText({ bindings }: Server, repository: string, name: string): string | undefined {
  const used = bindings
    .filter(({ ports, slots }) => ports.includes('predictor') && Object.values(slots).includes(repository))
    .flatMap(({ options }) => {
      const { model } = options as { readonly model?: unknown };
      return typeof model === 'string' ? [model.split('@')[0]!] : [];
    });
  if (used.includes(name)) return undefined;
  return `no predictor of the configuration uses a model "${name}"${didYouMean(name, used)}`;
}

/**
 * The versions of every model, or of one, with their aliases.
 *
 * A new server starts the repository; a server that has started is used as it is. In both cases the caller stops it.
 *
 * @param options.repository The model-repository part; default: the only one.
 * @param options.name Only versions of this model.
 * @throws {VivaceError} `NOT_FOUND` where there is no such repository.
 */
export async function listModels(
  server: Server,
  options: { readonly repository?: string; readonly name?: string },
  context: CallContext,
): Promise<readonly ListedModel[]> {
  const repository = onlyPart(server, modelRepository, { wanted: options.repository });
  await startNeeded(server, [repository], context);
  const { name } = options;
  return server.part(modelRepository, repository).list(context, name === undefined ? {} : { name });
}

/** The version to add, which does not exist yet; neither it nor the alias may hide one that does. */
async function versionOf(
  models: ModelRepository,
  { name, version, alias = defaultAlias }: AddModelOptions,
  context: CallContext,
): Promise<string> {
  const known = await models.list(context, { name });
  const versions = known.map((model) => model.version);
  if (version !== undefined && versions.includes(version)) {
    throw wrongOption(
      'version',
      `${name} ${version} already exists, and a version never changes: leave the version out to add the next one`,
    );
  }
  if (version !== undefined && (version === alias || known.some(({ aliases }) => aliases.includes(version))))
    throw wrongOption(
      'version',
      `"${version}" is an alias of ${name}, which would hide the version: choose another`,
    );
  if (alias !== false && versions.includes(alias))
    throw wrongOption(
      'alias',
      `"${alias}" is a version of ${name}, which the alias would hide: choose another`,
    );
  return version ?? String(Math.max(0, ...versions.map(Number).filter(Number.isSafeInteger)) + 1);
}

/** Everything was checked, so only the store can fail by now: then the version is there, and this says so. */
async function pointAt(
  models: ModelRepository,
  { name, version, alias }: ModelVersion & { readonly alias: string },
  context: CallContext,
): Promise<void> {
  try {
    await models.setAlias(name, alias, version, context);
  } catch (thrown) {
    const error = asVivaceError(thrown);
    throw new VivaceError(
      error.code,
      `${name} ${version} was added, but the alias ${alias} does not point at it: ${error.message}`,
      { cause: thrown },
    );
  }
}

/** Compiles the pipelines as if the model served: what does not fit is found before anything is written. */
async function checkPipelines(
  server: Server,
  {
    repository,
    manifest: { name, version, signature: own },
    alias,
  }: { repository: string; manifest: BundleManifest; alias: string | false },
): Promise<void> {
  const tags = alias === false ? [version] : [version, alias];
  const references = [...tags.map((tag) => `${name}@${tag}`), ...(alias === defaultAlias ? [name] : [])];
  const predictors = server.bindings
    .filter(
      ({ ports, slots, options }) =>
        ports.includes('predictor') &&
        Object.values(slots).includes(repository) &&
        references.includes(String((options as { model?: unknown }).model)),
    )
    .map((binding) => binding.name);
  const plans = await server.compile(new Map<string, Signature>(predictors.map((each) => [each, own])));
  const used = [...plans.values()].flatMap((plan) => plan.nodes.flatMap(partsOf));
  if (!used.some((part) => predictors.includes(part))) checkCounts(own);
}

/** The parts that a node of a plan uses. */
function partsOf(node: PlanNode): string[] {
  return Object.values(node.definition.parts?.(node) ?? {}).flatMap((used) => used?.part ?? []);
}

/** What is kept with the model about its origin. */
function notesOf({ trainingSet, info }: AddModelOptions): Pick<BundleManifest, 'featuresLock' | 'info'> {
  const set =
    trainingSet === undefined
      ? undefined
      : parseOption(
          z.object({ id: z.string(), features: z.record(z.string(), z.string()) }),
          trainingSet,
          'trainingSet',
        );
  const kept = {
    ...(info === undefined ? {} : parseOption(z.record(z.string(), z.unknown()), info, 'info')),
    ...(set === undefined ? {} : { trainingSet: set.id }),
  };
  return {
    ...(set === undefined ? {} : { featuresLock: set.features }),
    ...(Object.keys(kept).length === 0 ? {} : { info: kept }),
  };
}
