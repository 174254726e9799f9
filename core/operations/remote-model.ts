import { Buffer } from 'node:buffer';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onlyPart } from '../composition/only-part.js';
import type { Server } from '../composition/server-interface.js';
import type { CallContext } from '../kernel/call.js';
import { isVivaceError } from '../kernel/errors.js';
import { signature, type Signature } from '../models/bundle.js';
import { predictorRuntime, type ModelInspection, type PredictorRuntime } from '../ports/predictor-runtime.js';
import { startNeeded } from './with-server.js';
import { parseOption, wrongOption } from './wrong-option.js';

/** The kind of runtime that hosts models of other servers. */
const kind = 'remote';
/** The entry of their bundles. */
const entry = 'remote.json';

/** A model of a remote server. */
export interface RemoteModelOptions {
  /** Its name there. */
  readonly model: string;
  /** Default: the one that the server chooses. */
  readonly version?: string;
  /** The predictor-runtime part that speaks to the server; default: the only one that hosts such models. */
  readonly runtime?: string;
}

/** What a bundle of a remote model is made of. */
export interface RemoteModelBundle {
  readonly runtime: typeof kind;
  readonly entry: typeof entry;
  /** The content of the entry, its only file. */
  readonly content: Uint8Array;
  /** As the server's metadata says it, over rows, without columns. */
  readonly signature: Signature;
}

/**
 * Asks a remote server for the tensors of a model, and makes what a bundle of it consists of.
 *
 * A new server starts the predictor runtimes; a server that has started is used as it is. In both cases the caller stops it.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` where no part hosts such models, or the remote server has no such model or one that does not fit;
 *   `UNAVAILABLE` where it does not answer.
 */
export async function remoteModelBundle(
  server: Server,
  options: RemoteModelOptions,
  context: CallContext,
): Promise<RemoteModelBundle> {
  const { model, version } = options;
  const runtime = await startRuntime(server, options.runtime, context);
  const content = Buffer.from(
    `${JSON.stringify({ model, ...(version === undefined ? {} : { version }) })}\n`,
  );
  const found = await inspect(runtime, content, context);
  return {
    runtime: kind,
    entry,
    content,
    signature: parseOption(signature, { ...found, over: 'row' }, 'remote'),
  };
}

/** The started part that was named, or the only one that hosts models of other servers. */
async function startRuntime(
  server: Server,
  wanted: string | undefined,
  context: CallContext,
): Promise<PredictorRuntime> {
  const names =
    wanted === undefined
      ? server.bindings.filter(({ ports }) => ports.includes(predictorRuntime.name)).map(({ name }) => name)
      : [onlyPart(server, predictorRuntime, { wanted })];
  await startNeeded(server, names, context);
  const hosting = names.filter((name) => server.part(predictorRuntime, name).hosts.includes(kind));
  const [only, ...others] = hosting;
  if (only === undefined) {
    const none = wanted === undefined ? 'no part of the configuration hosts' : `"${wanted}" does not host`;
    throw wrongOption(
      'remote',
      `${none} models of other servers: add one such as "scores: { use: remote-model, url: 'http://…' }"`,
    );
  }
  if (others.length > 0)
    throw wrongOption(
      'runtime',
      `several parts host models of other servers: name one of ${hosting.join(', ')}`,
    );
  return server.part(predictorRuntime, only);
}

/** Lets the runtime read the file, which lies in a directory of its own until then. */
async function inspect(
  runtime: PredictorRuntime,
  content: Uint8Array,
  context: CallContext,
): Promise<ModelInspection> {
  const directory = await mkdtemp(join(tmpdir(), 'vivace-remote-'));
  try {
    const file = join(directory, entry);
    await writeFile(file, content);
    const found = await runtime.inspect?.(file, context);
    if (found !== undefined) return found;
    throw wrongOption(
      'signature',
      'the part does not say what a remote model takes and gives: give the signature',
    );
  } catch (cause) {
    if (isVivaceError(cause) && (cause.code === 'FAILED_PRECONDITION' || cause.code === 'NOT_FOUND'))
      throw wrongOption('remote', cause.message, cause);
    throw cause;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
