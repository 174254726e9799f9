import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import type { Server } from '../composition/server-interface.js';
import type { CallContext } from '../kernel/call.js';
import { abortError, isVivaceError, messageOf } from '../kernel/errors.js';
import { signature, type BundleManifest, type Signature } from '../models/bundle.js';
import { predictorRuntime } from '../ports/predictor-runtime.js';
import { parseOption, wrongOption } from './wrong-option.js';

const kinds: Readonly<Record<string, string>> = {
  '.onnx': 'onnx',
  '.js': 'javascript',
  '.mjs': 'javascript',
};

/** A single-file model. */
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
 * Size and digest of a model file, as a manifest says them.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` where it cannot be read.
 */
export async function describeFile(
  { path, name }: ModelFile,
  { signal }: CallContext,
): Promise<BundleManifest['files'][number]> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    for await (const chunk of createReadStream(path, { signal }) as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      sizeBytes += chunk.length;
    }
  } catch (cause) {
    if (signal.aborted) throw abortError(signal);
    throw wrongOption('file', `${name} cannot be read: ${messageOf(cause)}`, cause);
  }
  return { path: name, sizeBytes, sha256: hash.digest('hex') };
}

/**
 * The signature that a model file holds, read by a runtime that hosts its kind.
 *
 * @param runtimes Parts that have started.
 * @throws {VivaceError} `INVALID_ARGUMENT` where the file does not fit, or nothing can read it.
 */
export async function readSignature(
  server: Server,
  { file: { path, name, kind }, runtimes }: { file: ModelFile; runtimes: readonly string[] },
  context: CallContext,
): Promise<Signature> {
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
  try {
    return parseOption(signature, { ...(await reader.inspect(path, context)), over: 'row' }, 'file');
  } catch (cause) {
    // The caller gave the file, so a file that does not fit is a mistake in the input, not a failure of the run.
    if (isVivaceError(cause) && cause.code === 'FAILED_PRECONDITION')
      throw wrongOption('file', `${name}: ${cause.message}`, cause);
    throw cause;
  }
}
