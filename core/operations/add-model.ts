import { createReadStream } from 'node:fs';
import { z } from 'zod';
import { onlyPart } from '../composition/only-part.js';
import type { Server } from '../composition/server-interface.js';
import { pathNames } from '../config/names.js';
import type { CallContext } from '../kernel/call.js';
import { bundleManifest, signature, type BundleManifest, type Signature } from '../models/bundle.js';
import type { PlanNode } from '../pipeline/plan.js';
import { modelRepository, type ModelRepository, type ModelVersion } from '../ports/model-repository.js';
import { predictorRuntime } from '../ports/predictor-runtime.js';
import { checkCounts, withColumns, type ModelColumns } from './model-columns.js';
import { describeFile, modelFile, readSignature } from './model-file.js';
import { startNeeded } from './with-server.js';
import { parseOption, wrongOption } from './wrong-option.js';

/** A single-file model, to be added to a repository. */
export interface AddModelOptions {
  /** The model: an `.onnx`, `.js` or `.mjs` file. */
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
}

/** A version of a model, and the aliases that point at it. */
export interface ListedModel extends ModelVersion {
  readonly aliases: readonly string[];
}

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
  const file = modelFile(options.file);
  const described = await describeFile(file, context);
  const notes = notesOf(options);
  const repository = onlyPart(server, modelRepository, { wanted: options.repository });
  const runtimes =
    options.signature === undefined
      ? server.bindings.filter(({ ports }) => ports.includes(predictorRuntime.name)).map(({ name }) => name)
      : [];
  await startNeeded(server, [repository, ...runtimes], context);
  const models = server.part(modelRepository, repository);
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
    files: [described],
    signature: options.columns === undefined ? bare : withColumns(bare, options.columns),
    ...notes,
  });
  const { alias = 'champion' } = options;
  if (alias !== false) parseOption(z.string().regex(pathNames.pattern, pathNames.text), alias, 'alias');
  await checkPipelines(server, { repository, manifest, alias });
  await models.add(manifest, () => createReadStream(file.path), context);
  if (alias !== false) await models.setAlias(manifest.name, alias, manifest.version, context);
  return { manifest, alias: alias === false ? undefined : alias };
}

/**
 * The versions of every model, with their aliases.
 *
 * A new server starts the repository; a server that has started is used as it is. In both cases the caller stops it.
 *
 * @param options.repository The model-repository part; default: the only one.
 * @throws {VivaceError} `NOT_FOUND` where there is no such repository.
 */
export async function listModels(
  server: Server,
  options: { readonly repository?: string },
  context: CallContext,
): Promise<readonly ListedModel[]> {
  const repository = onlyPart(server, modelRepository, { wanted: options.repository });
  await startNeeded(server, [repository], context);
  return server.part(modelRepository, repository).list(context);
}

async function versionOf(
  models: ModelRepository,
  { name, version }: AddModelOptions,
  context: CallContext,
): Promise<string> {
  const versions = (await models.list(context))
    .filter((model) => model.name === name)
    .map((model) => model.version);
  if (version === undefined)
    return String(Math.max(0, ...versions.map(Number).filter(Number.isSafeInteger)) + 1);
  if (!versions.includes(version)) return version;
  throw wrongOption(
    'version',
    `${name} ${version} already exists, and a version never changes: leave the version out to add the next one`,
  );
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
  const references = [...tags.map((tag) => `${name}@${tag}`), ...(alias === 'champion' ? [name] : [])];
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
