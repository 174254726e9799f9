import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  isVivaceError,
  modelSource,
  pushModel,
  remoteModelBundle,
  VivaceError,
  withServer,
  type CheckStep,
  type ModelColumns,
  type PushedModel,
  type TransferProgress,
} from 'vivace';
import { loadConfiguration, parseJson, readInput } from './configuration.js';
import { withRepository, type WithRepository } from './model-place.js';
import { defaultFile } from './options.js';
import type { Terminal } from './terminal.js';
import { UsageError } from './usage-error.js';

export interface PushOptions extends Omit<WithRepository, 'from'> {
  readonly name: string;
  readonly version?: string;
  readonly runtime?: string;
  readonly entry?: string;
  readonly columns: readonly string[];
  readonly outputs: readonly string[];
  readonly alias: string | false;
  readonly incompatible?: true;
  readonly note?: string;
  readonly signature?: string;
  readonly trainingSet?: string;
  readonly info?: string;
  readonly remote?: string;
  readonly check: boolean;
}

interface Pushing {
  readonly terminal: Terminal;
  readonly onProgress: (progress: TransferProgress) => void;
  readonly onCheck: (step: CheckStep) => void;
}

/** Pushes the model in some files, or of another server, with what the files named by the options say. */
export async function pushModelOf(
  files: readonly string[],
  options: PushOptions,
  pushing: Pushing,
): Promise<PushedModel> {
  const [file, ...others] = files;
  if (options.remote !== undefined) {
    if (file !== undefined) throw new UsageError('--remote: a model of another server has no files here');
    return pushRemote(options.remote, options, pushing);
  }
  if (file === undefined) throw new UsageError('name the files of the model, or give --remote');
  return pushFiles([file, ...others], options, pushing);
}

/** Pushes what says where a model of another server is: its name there, and the tensors that the server says. */
async function pushRemote(remote: string, options: PushOptions, pushing: Pushing): Promise<PushedModel> {
  const { terminal } = pushing;
  if (options.to !== undefined)
    throw new UsageError('--to: the server of the model stands in a configuration, so push with that');
  const [model = '', version] = remote.split('@');
  const server = await loadConfiguration({ ...options, config: options.config ?? defaultFile }, terminal);
  const asked = { model, ...(version === undefined ? {} : { version }) };
  const { runtime, entry, content, signature } = await withServer(server, async () =>
    remoteModelBundle(server, asked, { signal: terminal.signal }),
  );
  const directory = await mkdtemp(join(tmpdir(), 'vivace-push-'));
  try {
    const file = join(directory, entry);
    await writeFile(file, content);
    return await pushFiles([file], { ...options, runtime }, pushing, { signature });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function pushFiles(
  [file, ...others]: readonly [string, ...string[]],
  options: PushOptions,
  { terminal, ...callbacks }: Pushing,
  known: { readonly signature?: unknown } = {},
): Promise<PushedModel> {
  const files = { signature: options.signature, trainingSet: options.trainingSet, info: options.info };
  const read: Record<string, unknown> = { ...known };
  for (const [option, path] of Object.entries(files))
    if (path !== undefined) read[option] = parseJson(await readInput(path, terminal), path);
  const { name, version, runtime, entry, alias, incompatible, note, check } = options;
  const model = {
    file: resolve(terminal.directory, file),
    others: others.map((other) => resolve(terminal.directory, other)),
    name,
    alias,
    check,
    ...(version === undefined ? {} : { version }),
    ...(runtime === undefined ? {} : { runtime }),
    ...(entry === undefined ? {} : { entry }),
    ...(incompatible === undefined ? {} : { incompatible }),
    ...(note === undefined ? {} : { note }),
    ...(options.columns.length === 0 ? {} : { columns: parseColumns(options.columns) }),
    ...(options.outputs.length === 0 ? {} : { outputs: options.outputs.flatMap(splitOutputs) }),
    ...read,
  };
  const names = [...Object.keys(model), ...Object.keys(files)];
  try {
    const place = options.to === undefined ? {} : await readerOf(model);
    return await withRepository(options, { option: 'to', ...place }, terminal, (server, repository) =>
      pushModel(server, { ...model, repository, ...callbacks }, { signal: terminal.signal }),
    );
  } catch (error) {
    throw asOption(error, names);
  }
}

/** The kind of a model whose file has to be read: where its columns are said, only ONNX knows more. */
async function readerOf(
  model: Parameters<typeof modelSource>[0] & {
    readonly columns?: ModelColumns;
    readonly trainingSet?: unknown;
  },
): Promise<{ readonly kind?: string }> {
  const { kind, yaml } = await modelSource(model);
  const isSaid =
    model.columns !== undefined || yaml?.columns !== undefined || model.trainingSet !== undefined;
  return isSaid && kind !== 'onnx' ? {} : { kind };
}

/** `a,b,c` for a model with one input, `tensor=a,b,c` per input otherwise. */
function parseColumns(given: readonly string[]): ModelColumns {
  const inputs = given.map((text) => {
    const [, input, names = ''] = /^(?:([^=]+)=)?(.*)$/.exec(text) ?? [];
    return { input, columns: names.split(',').map((name) => name.trim()) };
  });
  if (inputs.length === 1 && inputs[0]!.input === undefined) return inputs[0]!.columns;
  return Object.fromEntries(
    inputs.map(({ input, columns }) => {
      if (input === undefined) throw new UsageError('--columns: write <input>=<columns> for each input');
      return [input, columns];
    }),
  );
}

/** `score,probabilities:FP32[-1,3]`: the commas of a shape separate no outputs. */
function splitOutputs(text: string): string[] {
  return text.split(/,(?![^[]*\])/).map((output) => output.trim());
}

/** The error of an option of the operation, which has another name on the command line: `trainingSet` is `--training-set`. */
function asOption(error: unknown, options: readonly string[]): unknown {
  if (!isVivaceError(error) || error.code !== 'INVALID_ARGUMENT' || error.path === undefined) return error;
  const { code, path, message } = error;
  const name = options.find((option) => option !== 'file' && new RegExp(`^${option}\\b`).test(path));
  if (name === undefined) return error;
  const option = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  const said = `${option}${path.slice(name.length)}`;
  return new VivaceError(
    code,
    message.replace(`${path}: `, () => `${said}: `),
    { path: said, cause: error },
  );
}
