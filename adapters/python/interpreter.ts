import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { abortError, messageOf, VivaceError, type CallContext } from 'vivace';
import type { PythonOptions } from './options.js';
import { isMissing, noInterpreter, workerEnvironment, wrapperDirectory } from './spawned-worker.js';

/** Where an interpreter is: a name is found on PATH, and a path begins in the directory of the configuration. */
export function locatedInterpreter(interpreter: string, directory: string): string {
  return interpreter.includes('/') ? resolve(directory, interpreter) : interpreter;
}

/**
 * Tries the interpreter once, before any model needs it.
 *
 * @throws {VivaceError} `FAILED_PRECONDITION` where it does not start, is too old, or cannot import numpy.
 */
export async function checkInterpreter(options: PythonOptions, { signal }: CallContext): Promise<void> {
  const { interpreter } = options;
  const program =
    'import sys; assert sys.version_info >= (3, 9), "Python 3.9 or newer is needed"; import vivace_wrapper._frames';
  try {
    await promisify(execFile)(interpreter, ['-c', program], {
      cwd: wrapperDirectory,
      env: workerEnvironment(options),
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw abortError(signal);
    if (isMissing(error)) throw noInterpreter(interpreter, error);
    const said = ((error as { readonly stderr?: string }).stderr ?? messageOf(error))
      .trim()
      .split('\n')
      .at(-1);
    throw new VivaceError(
      'FAILED_PRECONDITION',
      `${interpreter} cannot run models: ${said}; it needs Python 3.9 and numpy (${interpreter} -m pip install numpy), or name another in the option \`interpreter\``,
      { cause: error },
    );
  }
}
