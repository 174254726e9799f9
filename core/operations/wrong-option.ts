import type { z } from 'zod';
import { fileErrorText } from '../config/configuration-file.js';
import { pathText } from '../config/mistake.js';
import { parseValue } from '../config/parse.js';
import { VivaceError } from '../kernel/errors.js';

/** The error of an option that cannot be used: `INVALID_ARGUMENT`, with the option as its path. */
export function wrongOption(option: string, message: string, cause?: unknown): VivaceError {
  return new VivaceError('INVALID_ARGUMENT', `${option}: ${message}`, { path: option, cause });
}

/**
 * Parses the value of an option.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` with every mistake; the path is that of the first.
 */
export function parseOption<S extends z.ZodType>(schema: S, value: unknown, option?: string): z.output<S> {
  const parsed = parseValue(schema, value, option === undefined ? [] : [option]);
  if (parsed.mistakes === undefined) return parsed.value;
  throw new VivaceError(
    'INVALID_ARGUMENT',
    parsed.mistakes.map(({ path, message }) => `${pathText(path)}: ${message}`).join('; '),
    { path: pathText(parsed.mistakes[0].path) },
  );
}

/** The error of a file of a model that cannot be read. */
export function cannotRead(path: string, cause: unknown): Error {
  return wrongOption('file', `${path} cannot be read: ${fileErrorText(cause)}`, cause);
}
