import { VivaceError } from '../kernel/errors.js';
import type { HttpResponse, HttpRoute } from '../ports/http-server.js';
import { errorResponse } from './error-response.js';

export interface RefusalOptions {
  /** Headers besides those of every error. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Puts the answer into the format of another protocol. */
  readonly format?: (response: HttpResponse) => HttpResponse;
}

/** A route that refuses every request without reading its body. */
export function refusal(
  refused: VivaceError,
  { headers = {}, format = (response) => response }: RefusalOptions = {},
): HttpRoute {
  const refuse = (): never => {
    throw refused;
  };
  return {
    admit: refuse,
    handle: refuse,
    failed: (error, _head, { requestId }) =>
      format(errorResponse(error, { requestId, headers: error === refused ? headers : {} })),
  };
}

/** Refuses a method that a path does not take: HTTP 405 with `Allow`. */
export function methodNotAllowed(
  method: string,
  allowed: readonly string[],
  options: Pick<RefusalOptions, 'format'> = {},
): HttpRoute {
  const allow = allowed.join(', ');
  const refused = new VivaceError('INVALID_ARGUMENT', `${method} is not allowed here: use ${allow}`, {
    httpStatus: 405,
  });
  return refusal(refused, { ...options, headers: { allow } });
}
