import { resolve } from 'node:path';
import {
  addModel,
  isVivaceError,
  modelRepository,
  onlyPart,
  VivaceError,
  withServer,
  type AddedModel,
  type ModelColumns,
} from 'vivace';
import { loadConfiguration, parseJson, readInput } from './configuration.js';
import type { WithConfig } from './options.js';
import type { Terminal } from './terminal.js';
import { UsageError } from './usage-error.js';

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

/** Adds the model in a file, with what the files named by the options say. */
export async function addModelOf(file: string, options: AddOptions, terminal: Terminal): Promise<AddedModel> {
  const { name, version, alias, repository: wanted } = options;
  const files = { signature: options.signature, trainingSet: options.trainingSet, info: options.info };
  const read: Record<string, unknown> = {};
  for (const [option, path] of Object.entries(files))
    if (path !== undefined) read[option] = parseJson(await readInput(path, terminal), path);
  const model = {
    file: resolve(terminal.directory, file),
    name,
    alias,
    ...(version === undefined ? {} : { version }),
    ...(options.columns.length === 0 ? {} : { columns: parseColumns(options.columns) }),
    ...read,
  };
  return withServer(await loadConfiguration(options, terminal), async (server) => {
    const repository = onlyPart(server, modelRepository, { wanted, say: '--repository' });
    try {
      return await addModel(server, { ...model, repository }, { signal: terminal.signal });
    } catch (error) {
      throw asOption(error, Object.keys({ ...model, ...files }));
    }
  });
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
