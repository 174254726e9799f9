import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { fileErrorText } from '../config/configuration-file.js';
import type { Server } from '../composition/server-interface.js';
import type { CallContext } from '../kernel/call.js';
import { abortError, isVivaceError } from '../kernel/errors.js';
import { signature, type BundleManifest, type Signature } from '../models/bundle.js';
import { predictorRuntime } from '../ports/predictor-runtime.js';
import { parseOption, wrongOption } from './wrong-option.js';

const kinds: Readonly<Record<string, string>> = {
  '.onnx': 'onnx',
  '.js': 'javascript',
  '.mjs': 'javascript',
};

/** The file that a runtime loads. */
export interface ModelFile {
  readonly path: string;
  /** The name that the file has in its bundle. */
  readonly name: string;
  /** The kind of runtime that hosts it. */
  readonly kind: string;
}

/**
 * A model file by its name, not read yet.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` where the name does not tell the kind of model.
 */
export function modelFile(file: string): ModelFile {
  const name = basename(file);
  const kind = kinds[extname(name)];
  if (kind === undefined) throw wrongOption('file', `${name}: a model is an .onnx, .js or .mjs file`);
  return { path: resolve(file), name, kind };
}

/**
 * Size and digest of a model file, or of another one that it needs, as a manifest says them.
 *
 * @param other The other file, relative to the folder of the model.
 * @throws {VivaceError} `INVALID_ARGUMENT` where it cannot be read, or is a model and empty.
 */
export async function describeFile(
  file: ModelFile,
  { signal }: CallContext,
  other?: string,
): Promise<BundleManifest['files'][number]> {
  const name = other ?? file.name;
  const path = pathIn(file, name);
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    for await (const chunk of createReadStream(path, { signal }) as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      sizeBytes += chunk.length;
    }
  } catch (cause) {
    if (signal.aborted) throw abortError(signal);
    const what = other === undefined ? path : `${name}, in which ${file.name} keeps weights,`;
    throw wrongOption('file', `${what} cannot be read: ${fileErrorText(cause)}`, cause);
  }
  if (sizeBytes === 0 && other === undefined)
    throw wrongOption('file', `${path} is empty: it was not written to its end; write or export it again`);
  return { path: name, sizeBytes, sha256: hash.digest('hex') };
}

/** Where a file of a model's bundle is read from. */
export function pathIn({ path }: ModelFile, name: string): string {
  return join(dirname(path), name);
}

/**
 * The other files that a model file needs, relative to its folder, as a runtime that hosts its kind says.
 *
 * @param runtimes Parts that have started.
 * @throws {VivaceError} `INVALID_ARGUMENT` where the file does not fit, or needs one from elsewhere.
 */
export async function otherFiles(
  server: Server,
  { file, runtimes }: { file: ModelFile; runtimes: readonly string[] },
  context: CallContext,
): Promise<readonly string[]> {
  const reader = runtimes
    .map((runtime) => server.part(predictorRuntime, runtime))
    .find((runtime) => runtime.hosts.includes(file.kind) && runtime.otherFiles !== undefined);
  return asMistake(file, async () => (await reader?.otherFiles?.(file.path, context)) ?? []);
}

/**
 * The signature that a model file holds, read by a runtime that hosts its kind.
 *
 * @param runtimes Parts that have started.
 * @throws {VivaceError} `INVALID_ARGUMENT` where the file does not fit, or nothing can read it.
 */
export async function readSignature(
  server: Server,
  { file, runtimes }: { file: ModelFile; runtimes: readonly string[] },
  context: CallContext,
): Promise<Signature> {
  const { path, name, kind } = file;
  const hosts = runtimes
    .map((runtime) => server.part(predictorRuntime, runtime))
    .filter((runtime) => runtime.hosts.includes(kind));
  const reader = hosts.find((runtime) => runtime.inspect !== undefined);
  if (kind === 'javascript' && reader === undefined)
    throw wrongOption('signature', `${name} does not describe its inputs and outputs: give its signature`);
  if (reader?.inspect === undefined) {
    throw wrongOption(
      'signature',
      `no part of the configuration can read ${kind} models: add one such as "onnx: { use: onnxruntime }", or give the signature`,
    );
  }
  return asMistake(file, async () =>
    parseOption(signature, { ...(await reader.inspect!(path, context)), over: 'row' }, 'file'),
  );
}

/** The caller gave the file, so a file that does not fit is a mistake in the input, not a failure of the run. */
async function asMistake<T>({ name }: ModelFile, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isVivaceError(cause) && cause.code === 'FAILED_PRECONDITION')
      throw wrongOption('file', `${name}: ${cause.message}`, cause);
    throw cause;
  }
}
