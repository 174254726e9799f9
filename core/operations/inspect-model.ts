import { basename, join } from 'node:path';
import { z } from 'zod';
import type { Server } from '../composition/server-interface.js';
import type { CallContext } from '../kernel/call.js';
import { isVivaceError } from '../kernel/errors.js';
import { predictorRuntime, type PredictorRuntime } from '../ports/predictor-runtime.js';
import type { ModelSource } from './model-source.js';
import { parseOption, wrongOption } from './wrong-option.js';

/** A model, and the parts that may read it. */
interface Readers {
  readonly source: ModelSource;
  readonly runtimes: readonly string[];
}

/**
 * The other files that a model file needs, relative to its folder, as a runtime that hosts its kind says.
 *
 * @param runtimes Parts that have started.
 * @throws {VivaceError} `INVALID_ARGUMENT` where the file does not fit, or needs one from elsewhere.
 */
export async function otherFiles(
  server: Server,
  { source, runtimes }: Readers,
  context: CallContext,
): Promise<readonly string[]> {
  const { directory, entry } = source;
  const reader = readerOf(server, { source, runtimes }, 'otherFiles');
  const folder = entry.includes('/') ? entry.slice(0, entry.lastIndexOf('/') + 1) : '';
  const found = await asMistake(
    entry,
    async () => (await reader?.otherFiles?.(join(directory, entry), context)) ?? [],
  );
  return found.map((path) => `${folder}${path}`);
}

/** The first runtime that hosts the kind of a model and has an operation. */
function readerOf(
  server: Server,
  { source: { kind }, runtimes }: Readers,
  operation: 'inspect' | 'otherFiles',
): PredictorRuntime | undefined {
  return runtimes
    .map((runtime) => server.part(predictorRuntime, runtime))
    .find((runtime) => runtime.hosts.includes(kind) && runtime[operation] !== undefined);
}

const inspected = z.object({ inputs: z.array(z.unknown()), outputs: z.array(z.unknown()) });

/**
 * What a model file says of its tensors, as a runtime that hosts its kind reads it; `undefined` where none can.
 *
 * @param runtimes Parts that have started.
 * @throws {VivaceError} `INVALID_ARGUMENT` where the file does not fit.
 */
export async function inspectModel(
  server: Server,
  { source, runtimes }: Readers,
  context: CallContext,
): Promise<z.output<typeof inspected> | undefined> {
  const { directory, entry } = source;
  const reader = readerOf(server, { source, runtimes }, 'inspect');
  if (reader?.inspect === undefined) return undefined;
  return asMistake(entry, async () => {
    const read = await reader.inspect!(join(directory, entry), context);
    return read === undefined ? undefined : parseOption(inspected, read, 'file');
  });
}

/** The caller gave the file, so a file that does not fit is a mistake in the input, not a failure of the run. */
async function asMistake<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isVivaceError(cause) && cause.code === 'FAILED_PRECONDITION')
      throw wrongOption('file', `${basename(name)}: ${cause.message}`, cause);
    throw cause;
  }
}
