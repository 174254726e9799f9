import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import {
  bundleManifest,
  messageOf,
  modelRepository,
  predictorRuntime,
  VivaceError,
  type BundleManifest,
  type ModelRepository,
  type PlanNode,
  type Server,
  type Signature,
} from 'vivace';
import { z } from 'zod';
import {
  loadConfiguration,
  mistake,
  parseJson,
  partOf,
  readInput,
  withServer,
  type WithConfig,
} from './configuration.js';
import { checkCounts, withColumns } from './model-columns.js';
import type { Terminal } from './terminal.js';

export interface AddOptions extends WithConfig {
  readonly name: string;
  readonly version?: string;
  readonly columns: readonly string[];
  readonly alias: string | false;
  readonly signature?: string;
  readonly trainingSet?: string;
  readonly info?: string;
  readonly repository?: string;
}

const kinds: Readonly<Record<string, string>> = {
  '.onnx': 'onnx',
  '.js': 'javascript',
  '.mjs': 'javascript',
};

/** Writes a bundle of one file: its signature read or given, checked against the pipelines that will use it. */
export async function addModel(
  file: string,
  options: AddOptions,
  terminal: Terminal,
): Promise<{ readonly name: string; readonly version: string; readonly alias: string | undefined }> {
  const kind = kinds[extname(file)];
  if (kind === undefined) throw mistake(`${file}: a model is an .onnx, .js or .mjs file`);
  const path = resolve(terminal.directory, file);
  const described = await describeFile(path, file);
  const { signal } = terminal;
  return withServer(await loadConfiguration(options, terminal), async (server) => {
    const repository = partOf(server, 'model-repository', {
      wanted: options.repository,
      option: '--repository',
    });
    const runtimes = server.bindings
      .filter(({ ports }) => ports.includes('predictor-runtime'))
      .map(({ name }) => name);
    await server.startOnly([repository, ...(options.signature === undefined ? runtimes : [])]);
    const models = server.part(modelRepository, repository);
    const bare = await readSignature({ path, file, kind, runtimes, server, options, terminal });
    const { name } = options;
    const version = await versionOf(models, options, signal);
    const alias = options.alias === false ? undefined : options.alias;
    const signature = withColumns(bare, options.columns);
    await checkPipelines(server, {
      repository,
      signature,
      names: [version, ...(alias === undefined ? [] : [alias])],
      name,
    });
    const manifest = parseManifest({
      format: 1,
      name,
      version,
      runtime: kind,
      entry: basename(file),
      files: [{ path: basename(file), ...described }],
      signature,
      ...(await readNotes(options, terminal)),
    });
    await models.add(manifest, () => createReadStream(path), { signal });
    if (alias !== undefined) await models.setAlias(name, alias, version, { signal });
    return { name, version, alias };
  });
}

async function describeFile(
  path: string,
  file: string,
): Promise<{ readonly sizeBytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      sizeBytes += chunk.length;
    }
  } catch (cause) {
    throw new VivaceError('INVALID_ARGUMENT', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
  return { sizeBytes, sha256: hash.digest('hex') };
}

async function readSignature({
  path,
  file,
  kind,
  runtimes,
  server,
  options,
  terminal,
}: {
  path: string;
  file: string;
  kind: string;
  runtimes: readonly string[];
  server: Server;
  options: AddOptions;
  terminal: Terminal;
}): Promise<Signature> {
  if (options.signature !== undefined) {
    const given = bundleManifest.shape.signature.safeParse(
      parseJson(await readInput(options.signature, terminal), options.signature),
    );
    if (!given.success) throw mistake(`${options.signature}: ${z.prettifyError(given.error)}`);
    return given.data;
  }
  if (kind === 'javascript')
    throw mistake(`${file} does not say what it takes and gives: add --signature <file.json>`);
  const fitting = runtimes
    .map((name) => server.part(predictorRuntime, name))
    .filter((runtime) => runtime.hosts.includes(kind));
  const reader = fitting.find((runtime) => runtime.inspect !== undefined);
  if (reader?.inspect === undefined) {
    throw mistake(
      `no part of the configuration can read ${kind} models: add one such as "onnx: { use: onnxruntime }", or give --signature`,
    );
  }
  try {
    return { ...(await reader.inspect(path, { signal: terminal.signal })), over: 'row' } as Signature;
  } catch (cause) {
    // The file is what the user gave: that it does not fit is a mistake of the input, not a failure of the run.
    if (cause instanceof VivaceError && cause.code === 'FAILED_PRECONDITION')
      throw new VivaceError('INVALID_ARGUMENT', `${file}: ${cause.message}`, { cause });
    throw cause;
  }
}

async function versionOf(
  models: ModelRepository,
  { name, version }: AddOptions,
  signal: AbortSignal,
): Promise<string> {
  const versions = (await models.list({ signal }))
    .filter((model) => model.name === name)
    .map((model) => model.version);
  if (version === undefined)
    return String(Math.max(0, ...versions.map(Number).filter(Number.isSafeInteger)) + 1);
  if (versions.includes(version))
    throw mistake(
      `${name} ${version} exists, and versions do not change: leave --version out for the next one`,
    );
  return version;
}

/** Compiles the pipelines as if the model served: what does not fit is found before anything is written. */
async function checkPipelines(
  server: Server,
  {
    repository,
    signature,
    name,
    names,
  }: { repository: string; signature: Signature; name: string; names: readonly string[] },
): Promise<void> {
  const references = [
    ...names.map((each) => `${name}@${each}`),
    ...(names.includes('champion') ? [name] : []),
  ];
  const predictors = server.bindings.filter(
    ({ ports, slots, options }) =>
      ports.includes('predictor') &&
      Object.values(slots).includes(repository) &&
      references.includes(String((options as { model?: unknown }).model)),
  );
  const plans = await server.compile(new Map(predictors.map((predictor) => [predictor.name, signature])));
  const nodes = [...plans.values()].flatMap((plan) => plan.nodes);
  if (!nodes.some((node) => predictors.some((predictor) => partsOf(node).includes(predictor.name))))
    checkCounts(signature);
}

async function readNotes(
  { trainingSet, info }: AddOptions,
  terminal: Terminal,
): Promise<Partial<BundleManifest>> {
  const notes = z.record(z.string(), z.unknown());
  const read = async <T>(file: string, schema: z.ZodType<T>): Promise<T> => {
    const parsed = schema.safeParse(parseJson(await readInput(file, terminal), file));
    if (parsed.success) return parsed.data;
    throw mistake(`${file}: ${z.prettifyError(parsed.error)}`);
  };
  const set =
    trainingSet === undefined
      ? undefined
      : await read(trainingSet, z.object({ id: z.string(), features: z.record(z.string(), z.string()) }));
  const kept = {
    ...(info === undefined ? {} : await read(info, notes)),
    ...(set === undefined ? {} : { trainingSet: set.id }),
  };
  return {
    ...(set === undefined ? {} : { featuresLock: set.features }),
    ...(Object.keys(kept).length === 0 ? {} : { info: kept }),
  };
}

function parseManifest(manifest: unknown): BundleManifest {
  const parsed = bundleManifest.safeParse(manifest);
  if (parsed.success) return parsed.data;
  throw mistake(`this is no model: ${z.prettifyError(parsed.error)}`);
}

/** The parts that a node of a plan uses. */
function partsOf(node: PlanNode): string[] {
  return Object.values(node.definition.parts?.(node) ?? {}).flatMap((used) => used?.part ?? []);
}
