import { VivaceError } from '../../kernel/errors.js';

/** A caller's mistake, at a place of its request. */
export function mistake(message: string, path: string): VivaceError {
  return path === ''
    ? new VivaceError('INVALID_ARGUMENT', message)
    : new VivaceError('INVALID_ARGUMENT', `${path}: ${message}`, { path });
}
