import { execFile } from 'node:child_process';
import { isAbsolute, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { messageOf, VivaceError } from '../kernel/errors.js';
import { importFile } from '../kit/import-file.js';

export type Exports = Readonly<Record<string, unknown>>;

/**
 * Imports what a configuration names: a file as it is now, or a module of a package.
 *
 * @param specifier The absolute path of a file, or what `import` takes.
 * @param shown How the configuration names it.
 * @param directory Paths in messages are relative to it.
 * @throws {VivaceError} `INVALID_CONFIG` with the reason; for a syntax error, with file and line.
 */
export async function importModule(
  specifier: string,
  { shown, directory }: { readonly shown: string; readonly directory: string },
): Promise<Exports> {
  try {
    return isAbsolute(specifier) ? await importFile(specifier) : ((await import(specifier)) as Exports);
  } catch (cause) {
    const place = cause instanceof SyntaxError ? await placeOf(cause, specifier) : undefined;
    const where = place === undefined ? '' : ` (${relative(directory, place.file)}:${place.line})`;
    throw new VivaceError('INVALID_CONFIG', `"${shown}" does not load: ${messageOf(cause)}${where}`, {
      cause,
    });
  }
}

interface Place {
  readonly file: string;
  readonly line: number;
}

/** The place of a syntax error in a file; `undefined` for a `SyntaxError` that code threw, as `JSON.parse` does. */
async function placeOf({ stack = '' }: SyntaxError, specifier: string): Promise<Place | undefined> {
  const place = placeIn(stack);
  if (place !== undefined || !isFromLoader(stack)) return place;
  // Node knows the place of a syntax error in an ES module, but prints it only where nothing catches the error. So another process imports
  // the module: that fails in the same way before any of the module's code runs.
  const url = isAbsolute(specifier) ? pathToFileURL(specifier).href : import.meta.resolve(specifier);
  const script = `await import(${JSON.stringify(url)})`;
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--input-type=module', '--eval', script],
      { timeout: 10_000 },
      (_error, _stdout, stderr) => resolve(placeIn(stderr)),
    );
  });
}

/** The `file:line` that Node writes above the line of source that it refuses. */
function placeIn(text: string): Place | undefined {
  const [, file, line] = /^(\/.*|[A-Za-z]:\\.*|file:\/\/.*):(\d+)\n/.exec(text) ?? [];
  if (file === undefined) return undefined;
  return { file: file.startsWith('file:') ? fileURLToPath(file) : file, line: Number(line) };
}

function isFromLoader(stack: string): boolean {
  const first = stack.split('\n').find((line) => line.startsWith('    at '));
  return first?.includes('node:internal/modules/') === true;
}
