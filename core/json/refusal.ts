import { VivaceError } from '../kernel/errors.js';
import type { HttpRoute } from '../ports/http-server.js';
import { errorResponse } from './error-response.js';

/**
 * A route that refuses every request without reading its body, such as one whose method its path does not take (405, with `allow`).
 *
 * @param headers Headers besides those of every error.
 */
export function refusal(
  message: string,
  httpStatus: number,
  headers: Readonly<Record<string, string>> = {},
): HttpRoute {
  const refused = new VivaceError('INVALID_ARGUMENT', message, { httpStatus });
  const refuse = (): never => {
    throw refused;
  };
  return {
    admit: refuse,
    handle: refuse,
    failed: (error, _head, { requestId }) =>
      errorResponse(error, { requestId, headers: error === refused ? headers : {} }),
  };
}

/** Refuses a method that a path does not take: HTTP 405 with `Allow`. */
export function methodNotAllowed(method: string, allowed: readonly string[]): HttpRoute {
  const allow = allowed.join(', ');
  return refusal(`${method} is not allowed here: use ${allow}`, 405, { allow });
}
