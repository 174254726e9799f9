import { isVivaceError, messageOf } from 'vivace';
import { exitCodes } from './exit-codes.js';
import type { Terminal } from './terminal.js';

const mistakes: readonly string[] = ['INVALID_CONFIG', 'INVALID_ARGUMENT', 'NOT_FOUND', 'FEATURE_MISSING'];

/** The exit code of an error that ended a command. */
export function exitCodeOf(error: unknown): number {
  return isVivaceError(error) && mistakes.includes(error.code) ? exitCodes.mistake : exitCodes.failed;
}

/** Prints an error: one line per mistake, those after the first indented; the stack only where the user asks for it. */
export function report(error: unknown, { stderr, env }: Pick<Terminal, 'stderr' | 'env'>): void {
  if (env['VIVACE_DEBUG'] === '1' && error instanceof Error) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
      stderr.write(`${cause.stack ?? cause.message}\n`);
    return;
  }
  if (!isVivaceError(error)) return void stderr.write(`error: ${messageOf(error)}\n`);
  if (error.code === 'INVALID_CONFIG') return void stderr.write(`${error.message}\n`);
  const { code, path, message, details = [] } = error;
  // A message that is shown alone begins with the path.
  const rest =
    path !== undefined && message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
  stderr.write(`error ${code}${path === undefined ? '' : ` ${path}`}: ${rest}\n`);
  for (const other of details.slice(1)) stderr.write(`  ${other.path}: ${other.message}\n`);
}
