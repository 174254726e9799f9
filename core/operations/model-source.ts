import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileErrorText } from '../config/configuration-file.js';
import type { CallContext } from '../kernel/call.js';
import { abortError, messageOf } from '../kernel/errors.js';
import type { BundleManifest } from '../models/bundle.js';
import { kindOf, unknownKind } from './model-kind.js';
import { readModelYaml, type ModelYaml } from './model-yaml.js';
import { cannotRead, wrongOption } from './wrong-option.js';

/** Files of a folder that describe the model, and are never the model itself. */
const descriptions = { yaml: 'model.yaml', signature: 'signature.json' } as const;

/** A model before it is pushed: the files on the disk, and what lies beside them to describe it. */
export interface ModelSource {
  /** The folder of the files, absolute. */
  readonly directory: string;
  /** Paths in the folder, with `/`; the entry first. */
  readonly paths: readonly string[];
  /** The file that the runtime loads. */
  readonly entry: string;
  /** The kind of runtime that hosts it. */
  readonly kind: string;
  /** What `model.yaml` says. */
  readonly yaml: ModelYaml | undefined;
  /** What `signature.json` holds. */
  readonly signature: unknown;
}

interface Wanted {
  /** A file, or the folder of all files. */
  readonly file: string;
  /** Further files. */
  readonly others?: readonly string[] | undefined;
  readonly runtime?: string | undefined;
  readonly entry?: string | undefined;
}

/**
 * Finds the files of a model, and which kind of model it is: the option says it, or `model.yaml`, or the name of the file.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT`, with the option as `path`, where a file cannot be read or none tells the kind.
 */
export async function modelSource(wanted: Wanted): Promise<ModelSource> {
  const path = resolve(wanted.file);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === true) return fromFolder(path, wanted);
  // It describes the folder that it lies in.
  if (basename(path) === descriptions.yaml) return fromFolder(dirname(path), wanted);
  const directory = dirname(path);
  const entry = basename(path);
  const kind = wanted.runtime ?? (await kindOf(path));
  if (kind === undefined) throw wrongOption('file', `${entry}: ${unknownKind}`);
  if (wanted.entry !== undefined && wanted.entry !== entry)
    throw wrongOption('entry', `${wanted.entry} is not ${entry}, the file that is given first`);
  const paths = [entry, ...(wanted.others ?? []).map((other) => pathBeside(directory, other))];
  const twice = paths.find((each, i) => paths.indexOf(each) !== i);
  if (twice !== undefined) throw wrongOption('file', `${twice} is given twice, or two files have that name`);
  return { directory, entry, kind, paths, yaml: undefined, signature: undefined };
}

/** A further file lies in the bundle as it lies beside the first: below that folder, or else by its name alone. */
function pathBeside(directory: string, file: string): string {
  const path = relative(directory, resolve(file));
  if (path === '..' || path.startsWith(`..${sep}`))
    throw wrongOption(
      'file',
      `${file} does not lie in ${directory}, the folder of the first file: copy it there, or push the folder that holds all of them`,
    );
  return path.split(sep).join('/');
}

async function fromFolder(directory: string, { others = [], ...wanted }: Wanted): Promise<ModelSource> {
  if (others.length > 0)
    throw wrongOption('file', `${others[0]} beside a folder: give one folder, or only files`);
  const paths = await filesIn(directory);
  if (paths.includes('model.json'))
    throw wrongOption(
      'file',
      `${join(directory, 'model.json')} has the name of the manifest that is written beside it: rename it`,
    );
  const yaml = paths.includes(descriptions.yaml)
    ? await readModelYaml(join(directory, descriptions.yaml))
    : undefined;
  const runtime = agreed('runtime', wanted.runtime, yaml?.runtime);
  const chosen = agreed('entry', wanted.entry, yaml?.entry);
  if (chosen !== undefined && !paths.includes(chosen))
    throw wrongOption(
      wanted.entry === undefined ? 'file' : 'entry',
      `there is no ${chosen} in ${directory}${wanted.entry === undefined ? ', which model.yaml says is the entry' : ''}`,
    );
  const { entry, kind } =
    chosen === undefined
      ? await findEntry(directory, paths, runtime)
      : { entry: chosen, kind: runtime ?? (await kindOf(join(directory, chosen))) };
  if (kind === undefined) throw wrongOption('file', `${entry}: ${unknownKind}`);
  return {
    directory,
    entry,
    kind,
    paths: [entry, ...paths.filter((path) => path !== entry)],
    yaml,
    signature: paths.includes(descriptions.signature)
      ? await readJson(join(directory, descriptions.signature))
      : undefined,
  };
}

/** What an option and `model.yaml` both say must be the same. */
function agreed(
  what: 'runtime' | 'entry',
  option: string | undefined,
  yaml: string | undefined,
): string | undefined {
  if (option !== undefined && yaml !== undefined && option !== yaml)
    throw wrongOption(what, `the option says ${option}, but model.yaml says ${yaml}`);
  return option ?? yaml;
}

/** The only file of the folder that can be a model; `predictor.py` before all others, which it may need. */
async function findEntry(
  directory: string,
  paths: readonly string[],
  runtime: string | undefined,
): Promise<{ readonly entry: string; readonly kind: string }> {
  const models: { readonly entry: string; readonly kind: string }[] = [];
  const own: readonly string[] = Object.values(descriptions);
  for (const entry of paths) {
    if (entry.includes('/') || own.includes(entry)) continue;
    const kind = await kindOf(join(directory, entry));
    if (kind === undefined || (runtime !== undefined && kind !== runtime)) continue;
    if (kind === 'python' && entry !== 'predictor.py') continue;
    models.push({ entry, kind });
  }
  const predictor = models.find(({ kind }) => kind === 'python');
  const [only, ...others] = predictor === undefined ? models : [predictor];
  if (only === undefined)
    throw wrongOption(
      'file',
      `no file in ${directory} tells ${runtime === undefined ? 'which runtime hosts the model' : `that it is a model of the runtime ${runtime}`}: write "runtime" and "entry" into a model.yaml there`,
    );
  if (others.length > 0)
    throw wrongOption(
      'file',
      `${directory} has several models, ${models.map(({ entry }) => entry).join(', ')}: say which of them the runtime loads as "entry" in a model.yaml there`,
    );
  return only;
}

/** The files of a folder and its folders, sorted; those that begin with a dot, and what Python has compiled, are not among them. */
async function filesIn(directory: string, folder = ''): Promise<readonly string[]> {
  const root = await realpath(directory);
  const paths: string[] = [];
  const entries = await readdir(join(directory, folder), { withFileTypes: true });
  for (const entry of entries) {
    const path = `${folder}${entry.name}`;
    if (entry.name.startsWith('.') || entry.name === '__pycache__') continue;
    if (entry.isDirectory()) paths.push(...(await filesIn(directory, `${path}/`)));
    else if (entry.isFile()) paths.push(path);
    else {
      const target = await realpath(join(directory, path)).catch(() => undefined);
      const isInside = target?.startsWith(`${root}${sep}`) === true;
      const isFile = isInside && (await stat(target)).isFile();
      if (!isFile)
        throw wrongOption(
          'file',
          `${join(directory, path)} ${isInside ? 'is not a file' : 'leads out of the folder'}: put the file itself there`,
        );
      paths.push(path);
    }
  }
  return paths.sort();
}

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw cannotRead(path, cause);
  });
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw wrongOption('file', `${path} is not valid JSON: ${messageOf(cause)}`, cause);
  }
}

/**
 * Size and digest of a file of a model, as a manifest says them.
 *
 * @param options.beside The name of the model file that needs this one, where it was not given by itself.
 * @throws {VivaceError} `INVALID_ARGUMENT` where it cannot be read, or is the model and empty.
 */
export async function describeFile(
  { directory, entry }: ModelSource,
  name: string,
  { signal, beside }: Pick<CallContext, 'signal'> & { readonly beside?: string },
): Promise<BundleManifest['files'][number]> {
  const path = join(directory, name);
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    for await (const chunk of createReadStream(path, { signal }) as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      sizeBytes += chunk.length;
    }
  } catch (cause) {
    if (signal.aborted) throw abortError(signal);
    if (beside === undefined) throw cannotRead(path, cause);
    const what = `${name}, in which ${beside} keeps weights,`;
    throw wrongOption('file', `${what} cannot be read: ${fileErrorText(cause)}`, cause);
  }
  if (sizeBytes === 0 && name === entry)
    throw wrongOption('file', `${path} is empty: it was not written to its end; write or export it again`);
  return { path: name, sizeBytes, sha256: hash.digest('hex') };
}
