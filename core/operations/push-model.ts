import { onlyPart } from '../composition/only-part.js';
import type { Server } from '../composition/server-interface.js';
import { didYouMean } from '../config/did-you-mean.js';
import type { CallContext } from '../kernel/call.js';
import { asVivaceError, isVivaceError, VivaceError } from '../kernel/errors.js';
import { formatMillis } from '../kernel/time.js';
import { bundleManifest, pathName, type BundleManifest } from '../models/bundle.js';
import { checkSuccession } from '../models/difference.js';
import type { BlobContent } from '../ports/blob-store.js';
import {
  defaultAlias,
  modelRepository,
  type ModelRepository,
  type TransferProgress,
} from '../ports/model-repository.js';
import { predictorRuntime } from '../ports/predictor-runtime.js';
import {
  asUnchecked,
  checkerOf,
  checkModel,
  type Checker,
  type CheckStep,
  type PassedCheck,
} from './check-model.js';
import type { ModelColumns } from './model-columns.js';
import { asColumns, checkPipelines } from './fit-pipelines.js';
import { inspectModel, otherFiles } from './inspect-model.js';
import type { ModelOutput } from './model-outputs.js';
import { modelSignature } from './model-signature.js';
import { describeFile, modelSource, type ModelSource } from './model-source.js';
import { usersOf } from './model-users.js';
import { contentsOf, notesOf } from './push-contents.js';
import type { ListedModel } from './read-models.js';
import { lockOfModel } from './training-columns.js';
import { nextNumber, versionOf } from './version-numbers.js';
import { whoAmI } from './who.js';
import { startNeeded } from './with-server.js';
import { parseOption, wrongOption } from './wrong-option.js';

/** A model to be pushed to a repository. */
export interface PushModelOptions {
  /**
   * The model: a file, or the folder of all its files. The files in which an `.onnx` file keeps weights are taken along. A folder may have a
   * `model.yaml` and a `signature.json` that describe it.
   */
  readonly file: string;
  /** Further files, which lie in the folder of the first one. */
  readonly others?: readonly string[];
  readonly name: string;
  /** Default: the next whole number. */
  readonly version?: string;
  /** The kind of runtime that hosts it; default: as `model.yaml` or the name of the file says. */
  readonly runtime?: string;
  /** The file of a folder that the runtime loads; default: as `model.yaml` says, or the only one that can be a model. */
  readonly entry?: string;
  /** What fills the inputs; not needed where the pipelines say it in their `predict.inputs`. */
  readonly columns?: ModelColumns;
  /** The outputs; default: those that the model file says, or else `score`, an FP32 [-1]. */
  readonly outputs?: readonly ModelOutput[];
  /** The alias to point at the version; default `champion`. */
  readonly alias?: string | false;
  /** Points the alias at it even where servers that follow it would refuse the version, whose signature or views differ. */
  readonly incompatible?: boolean;
  /** A `Signature`, for a model that does not hold it. */
  readonly signature?: unknown;
  /**
   * The manifest of the training set, which becomes a file of the bundle: its id is also kept as `info.trainingSet`, the versions of its views as
   * `featuresLock`. Its features, in order, are the columns of a model for which nobody else says any.
   */
  readonly trainingSet?: unknown;
  /** An object to keep with the model, such as its metrics. */
  readonly info?: unknown;
  /** Who pushes it; default: this user on this machine. */
  readonly by?: string;
  /** Why, for the history of the alias. */
  readonly note?: string;
  /** The model-repository part; default: the only one. */
  readonly repository?: string;
  /**
   * Loads the model before anything is written, asks it its self-test and times it, where its runtime has a check: models in Python do. `false` pushes it
   * unchecked. Default `true`.
   */
  readonly check?: boolean;
  readonly onCheck?: (step: CheckStep) => void;
  readonly onProgress?: (progress: TransferProgress) => void;
}

/** A version that was pushed. */
export interface PushedModel {
  readonly manifest: BundleManifest;
  /** What its check has found; `undefined` where it was not checked. */
  readonly check: PassedCheck | undefined;
  /** The alias that points at it. */
  readonly alias: string | undefined;
  /** Where no predictor of the configuration uses the model: that it is so, and which name may have been meant. */
  readonly unused?: string;
}

/** How many numbers a push tries where others push the same model at the same time. */
const mostNumbers = 100;

/**
 * Pushes a version of a model, and points an alias at it. Before it writes anything, it compiles every pipeline that will use the model with
 * it, and lets the runtime check the model. Files that are there already, of a push that broke off, are verified and not sent again.
 *
 * A new server starts the repository, and the predictor runtimes that read the signature or check the model; a server that has started is used as it is.
 * In both cases the caller stops it.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT`, with the option as `path`, where one cannot be used, the model fails its check or the version
 *   exists; `NOT_FOUND` where there is no such repository; `FAILED_PRECONDITION` where the version does not fit those who follow the alias, or
 *   the model cannot be checked on this machine.
 * @throws {ConfigError} where the model does not fit a pipeline.
 */
export async function pushModel(
  server: Server,
  options: PushModelOptions,
  context: CallContext,
): Promise<PushedModel> {
  const { alias = defaultAlias, by = whoAmI() } = options;
  parseOption(pathName, options.name, 'name');
  if (alias !== false) parseOption(pathName, alias, 'alias');
  const source = await modelSource(options);
  const notes = notesOf(options);
  const repository = onlyPart(server, modelRepository, { wanted: options.repository });
  const hosting = runtimesOf(server, source.kind);
  const runtimes = isAsked(source, options) ? hosting : [];
  const { name } = options;
  const checker =
    options.check === false ? undefined : checkerOf(server, { name, kind: source.kind, repository, hosting });
  const contents = await contentsOf(source, notes.file, context);
  await startAll(server, { repository, runtimes, checker }, context);
  const models = server.part(modelRepository, repository);
  for (const other of await otherFiles(server, { source, runtimes }, context)) {
    if (contents.files.some(({ path }) => path === other)) continue;
    contents.files.push(await describeFile(source, other, { ...context, beside: source.entry }));
  }
  const signature = await modelSignature({
    source,
    columns: options.columns,
    outputs: options.outputs,
    signature: options.signature,
    trainingSet: notes.set,
    inspect: async () => {
      const inspected = await inspectModel(server, { source, runtimes }, context);
      if (inspected === undefined && source.kind === 'onnx') throw noReader(source.kind);
      return inspected;
    },
  });
  const known = await models.list(context, { name: options.name });
  const manifest = parseOption(bundleManifest, {
    format: 1,
    name: options.name,
    version: versionOf(known, options),
    runtime: source.kind,
    entry: source.entry,
    files: contents.files,
    signature,
    ...(notes.set === undefined ? {} : { featuresLock: lockOfModel(notes.set, signature) }),
    ...(notes.info === undefined ? {} : { info: notes.info }),
    ...(source.yaml?.selfTest === undefined ? {} : { selfTest: source.yaml.selfTest }),
    pushed: { at: formatMillis(Date.now())!, by },
  });
  try {
    await checkPipelines(server, { repository, manifest, alias, trainingSet: notes.set });
  } catch (error) {
    throw options.columns === undefined ? error : asColumns(error, options.columns);
  }
  if (alias !== false && options.incompatible !== true)
    await checkAlias(models, { manifest, alias, known }, context);
  const model = { source, manifest, made: contents.made };
  const { onCheck } = options;
  const check =
    checker &&
    (await checkModel(server, { checker, model, ...(onCheck === undefined ? {} : { onCheck }) }, context));
  const added = await addVersion(
    models,
    { manifest, content: contents.read, options: { ...options, by } },
    context,
  );
  if (alias !== false)
    await pointAt(models, { manifest: added, alias, options: { ...options, by } }, context);
  const unused = unusedText(server, repository, manifest.name);
  return {
    manifest: added,
    check,
    alias: alias === false ? undefined : alias,
    ...(unused === undefined ? {} : { unused }),
  };
}

/** The parts that host models of a kind. */
function runtimesOf(server: Server, kind: string): readonly string[] {
  return server.bindings
    .filter(({ ports }) => ports.includes(predictorRuntime.name))
    .map(({ name }) => name)
    .filter((name) => server.part(predictorRuntime, name).hosts.includes(kind));
}

/** Kinds of code, which says nothing of its tensors. */
const silentKinds: readonly string[] = ['javascript', 'python'];

/** Whether a runtime is asked what the model file says. */
function isAsked({ kind, signature, yaml }: ModelSource, options: PushModelOptions): boolean {
  // An .onnx model may keep its weights elsewhere.
  if (kind === 'onnx') return true;
  // Where everything is said, the file can only disagree, and what is pushed unchecked need not agree with anything.
  const isUnchecked = options.check === false;
  const hasColumns = options.columns !== undefined || yaml?.columns !== undefined;
  const hasOutputs = options.outputs !== undefined || yaml?.outputs !== undefined;
  const isSaid =
    options.signature !== undefined || signature !== undefined || (isUnchecked && hasColumns && hasOutputs);
  return !isSaid && !silentKinds.includes(kind);
}

/** Starts what a push needs; where a runtime that checks the model does not start, the error says how to push without. */
async function startAll(
  server: Server,
  {
    repository,
    runtimes,
    checker,
  }: {
    readonly repository: string;
    readonly runtimes: readonly string[];
    readonly checker: Checker | undefined;
  },
  context: CallContext,
): Promise<void> {
  const part = checker !== undefined && 'part' in checker ? checker.part : undefined;
  const needed = [repository, ...new Set([...runtimes, ...(part === undefined ? [] : [part])])];
  try {
    await startNeeded(server, needed, context);
  } catch (error) {
    if (part === undefined || !isVivaceError(error) || error.part !== part) throw error;
    throw asUnchecked(
      error,
      runtimes.includes(part) ? '--no-check, with --columns and --outputs' : undefined,
    );
  }
}

function noReader(kind: string): VivaceError {
  return wrongOption(
    'signature',
    `no part of the configuration can read ${kind} models: add one such as "onnx: { use: onnxruntime }", or give the signature`,
  );
}

/** Adds the version; where its number was not given, and another push takes it meanwhile, the next one. */
async function addVersion(
  models: ModelRepository,
  {
    manifest,
    content,
    options: { version, by, onProgress },
  }: {
    readonly manifest: BundleManifest;
    readonly content: (path: string) => BlobContent;
    readonly options: PushModelOptions & { readonly by: string };
  },
  context: CallContext,
): Promise<BundleManifest> {
  const settings = {
    by,
    next: version === undefined,
    ...(onProgress === undefined ? {} : { onProgress }),
  };
  let next = manifest;
  for (let numbers = 1; ; numbers++) {
    try {
      await models.add(next, content, context, settings);
      return next;
    } catch (error) {
      const isTaken = isVivaceError(error) && error.code === 'ABORTED';
      if (version !== undefined || !isTaken || numbers === mostNumbers) throw error;
      const known = await models.list(context, { name: manifest.name });
      next = {
        ...manifest,
        version: nextNumber(known.map((each) => each.version).concat(next.version)),
        pushed: { at: formatMillis(Date.now())!, by },
      };
    }
  }
}

/** Refuses what servers that follow the alias would refuse, before anything is written. */
async function checkAlias(
  models: ModelRepository,
  {
    manifest,
    alias,
    known,
  }: {
    readonly manifest: BundleManifest;
    readonly alias: string;
    readonly known: readonly ListedModel[];
  },
  context: CallContext,
): Promise<void> {
  const serving = known.find(({ aliases }) => aliases.includes(alias));
  if (serving === undefined) return;
  const was = await models.manifest(serving, context).catch((error: unknown) => {
    // What is damaged serves nowhere anew: a new version may be what mends it.
    if (isVivaceError(error) && ['DATA_LOSS', 'NOT_FOUND'].includes(error.code)) return undefined;
    throw error;
  });
  if (was !== undefined)
    checkSuccession(was, manifest, {
      alias,
      // Its number may still change.
      who: manifest.name,
      instead: 'push it with --no-alias, or with --incompatible',
    });
}

/** What to say where no predictor of the configuration uses a model of the repository. */
function unusedText(server: Server, repository: string, name: string): string | undefined {
  const used = usersOf(server, repository).map(({ model }) => model);
  if (used.includes(name)) return undefined;
  return `no predictor of the configuration uses a model "${name}"${didYouMean(name, used)}`;
}

/** Everything was checked, so only the store or another process can be in the way by now: then the version is there, and this says so. */
async function pointAt(
  models: ModelRepository,
  {
    manifest: { name, version },
    alias,
    options: { by, note, incompatible },
  }: {
    readonly manifest: BundleManifest;
    readonly alias: string;
    readonly options: PushModelOptions;
  },
  context: CallContext,
): Promise<void> {
  try {
    await models.setAlias(name, alias, version, context, {
      kind: 'push',
      ...(by === undefined ? {} : { by }),
      ...(note === undefined ? {} : { note }),
      ...(incompatible === undefined ? {} : { incompatible }),
    });
  } catch (thrown) {
    const error = asVivaceError(thrown);
    throw new VivaceError(
      error.code,
      `${name} ${version} was pushed, but the alias ${alias} does not point at it: ${error.message}`,
      { cause: thrown },
    );
  }
}
