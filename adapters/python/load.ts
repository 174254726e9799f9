import { realpath } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { abortError, VivaceError, type Bundle, type CallContext, type Log } from 'vivace';
import { frameVersion, type Frame } from 'vivace/wire';
import { ConnectedWorker } from './connected-worker.js';
import { readLines } from './log-lines.js';
import type { PythonOptions } from './options.js';
import { SpawnedWorker } from './spawned-worker.js';
import { WorkerConnection } from './worker-connection.js';
import { errorOf, WorkerInstance } from './worker-instance.js';

/** A loaded instance, and the process that holds the model. */
export interface LoadedWorker {
  readonly instance: WorkerInstance;
  readonly pid: number | undefined;
  /** Ends it, and says why. */
  end(reason: string): void;
}

interface Surroundings {
  readonly log: Log;
  readonly now: () => number;
}

/**
 * Starts a worker and lets it load a bundle.
 *
 * @throws {VivaceError} `FAILED_PRECONDITION` where the interpreter does not start, or the bundle does not load there; the signal's error
 *   where that aborted first. The worker has been told to end by then.
 */
export async function loadInWorker(
  bundle: Bundle,
  options: PythonOptions,
  { signal, log, now }: Surroundings & Pick<CallContext, 'signal'>,
): Promise<LoadedWorker> {
  if (signal.aborted) throw abortError(signal);
  const { manifest } = bundle;
  const model = `${manifest.name}@${manifest.version}`;
  const worker =
    options.socket === undefined
      ? await SpawnedWorker.start(options)
      : await ConnectedWorker.connect(options.socket, { signal, log });
  if (worker instanceof SpawnedWorker) {
    readLines(worker.stdout, (line) => log.info(line, { model }), now);
    readLines(worker.stderr, (line) => log.warn(line, { model }), now);
  }
  const connection = new WorkerConnection(worker, options.maxFrameBytes);
  const leave = (): void => connection.end('nobody waits for the model any more');
  signal.addEventListener('abort', leave, { once: true });
  try {
    // It may have aborted while the worker started.
    if (signal.aborted) leave();
    const { pid } = await greet(connection, options);
    for (const warning of await askToLoad(connection, bundle, options))
      log.warn(`requirements.txt: ${warning}`, { model });
    const spawned = worker instanceof SpawnedWorker;
    return {
      instance: new WorkerInstance(connection, manifest.signature, async () => worker.stop()),
      // The process id of another container means nothing here.
      pid: spawned ? pid : undefined,
      end: (reason) => connection.end(reason),
    };
  } catch (error) {
    connection.end('the model did not load');
    if (signal.aborted) throw abortError(signal);
    throw error;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

async function greet(
  connection: WorkerConnection,
  { maxFrameBytes }: PythonOptions,
): Promise<{ readonly pid: number | undefined }> {
  const { header } = await answer(connection, 'HELLO', {
    type: 'HELLO',
    call: 0,
    header: { versions: [frameVersion], max_frame_bytes: maxFrameBytes },
    tensors: [],
  });
  const { version, pid, max_frame_bytes: most } = header;
  if (version !== frameVersion)
    throw new VivaceError(
      'FAILED_PRECONDITION',
      `the worker speaks version ${String(version)} of the frames, and this server ${frameVersion}`,
    );
  if (typeof most === 'number') connection.limitFrames(most);
  return { pid: typeof pid === 'number' ? pid : undefined };
}

/** @returns Where the environment differs from the bundle's requirements. */
async function askToLoad(
  connection: WorkerConnection,
  { manifest, directory }: Bundle,
  { requirements, directory: mapped }: PythonOptions,
): Promise<readonly string[]> {
  const { name, version, runtime, entry, signature } = manifest;
  const { header } = await answer(connection, 'READY', {
    type: 'LOAD',
    call: 0,
    header: {
      directory: await mappedPath(directory, mapped),
      name,
      version,
      runtime,
      entry,
      signature,
      requirements,
    },
    tensors: [],
  });
  const { warnings } = header;
  return Array.isArray(warnings) ? warnings.map(String) : [];
}

/** The path of a directory in the other container, whichever links lead to it here. */
async function mappedPath(directory: string, mapped: PythonOptions['directory']): Promise<string> {
  if (mapped === undefined) return directory;
  const inside = relative(await realpath(mapped.from).catch(() => mapped.from), await realpath(directory));
  if (inside === '..' || inside.startsWith('../'))
    throw new VivaceError(
      'FAILED_PRECONDITION',
      `${directory} does not lie below ${mapped.from}, which the option \`directory\` maps: the workspace of the models lies elsewhere`,
    );
  return join(mapped.to, inside);
}

/** Sends a frame that a worker answers with one type, or with a refusal. */
async function answer(
  connection: WorkerConnection,
  expected: 'HELLO' | 'READY',
  frame: Frame,
): Promise<Frame> {
  const answered = await connection.exchange(frame).catch((error: unknown) => {
    // It ended before it was ready.
    throw new VivaceError('FAILED_PRECONDITION', connection.reason ?? 'the worker is gone', { cause: error });
  });
  if (answered.type === 'REFUSED') throw errorOf(answered);
  if (answered.type === expected) return answered;
  throw new VivaceError('FAILED_PRECONDITION', `the worker sent ${answered.type} instead of ${expected}`);
}
