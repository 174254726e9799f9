import { execFile } from 'node:child_process';
import { extname, resolve } from 'node:path';
import { promisify } from 'node:util';
import { abortError, messageOf, VivaceError, type CallContext, type ModelInspection } from 'vivace';
import type { PythonOptions } from './options.js';
import { isMissing, noInterpreter, workerEnvironment, wrapperDirectory } from './spawned-worker.js';

/** A model with many thousand columns names them all, and a library may warn of each. */
const mostSaidBytes = 64 * 1_024 * 1_024;

/**
 * What a model's file of scikit-learn, LightGBM or XGBoost knows of its inputs, its columns and its outputs, read by the interpreter. It
 * loads the model.
 *
 * @returns `undefined` for a predictor of somebody's own, which does not say it.
 * @throws {VivaceError} `FAILED_PRECONDITION` where the file is of something else, or takes more than numbers; the signal's error.
 */
export async function inspectModel(
  file: string,
  options: PythonOptions,
  { signal }: Pick<CallContext, 'signal'>,
): Promise<ModelInspection | undefined> {
  if (extname(file) === '.py') return undefined;
  const { interpreter } = options;
  let stdout: string;
  try {
    const ran = await promisify(execFile)(
      interpreter,
      ['-m', 'vivace_wrapper', 'inspect', resolve(file), '--json'],
      {
        cwd: wrapperDirectory,
        env: workerEnvironment(options),
        maxBuffer: mostSaidBytes,
        signal,
      },
    );
    stdout = ran.stdout;
  } catch (error) {
    if (signal.aborted) throw abortError(signal);
    if (isMissing(error)) throw noInterpreter(interpreter, error);
    throw new VivaceError('FAILED_PRECONDITION', reasonOf(error), { cause: error });
  }
  const { inputs, outputs } = JSON.parse(stdout) as ModelInspection;
  return { inputs, outputs };
}

/** What the command says of a model that does not load: on its standard output, so that nothing that a model prints is taken for it. */
function reasonOf(error: unknown): string {
  const { stdout } = error as { readonly stdout?: string };
  const { error: said } = Object(jsonOf(stdout)) as { readonly error?: unknown };
  return typeof said === 'string' ? said : messageOf(error);
}

function jsonOf(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
