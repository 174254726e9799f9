import { requestIds } from '../config/names.js';
import { errorCodes, type VivaceError } from '../kernel/errors.js';
import type { HttpResponse } from '../ports/http-server.js';

export interface ErrorResponseOptions {
  readonly requestId?: string | undefined;
  /** Headers beside those that every error has, such as `allow`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A path or a message may repeat a caller's own text, such as a key of a megabyte: it is cut. */
const longestPath = 200;
const longestMessage = 2000;

/**
 * The HTTP answer an error stands for: `{code, message, path?, requestId?}`, with `Retry-After` where trying again may help.
 *
 * The message of an INTERNAL error may quote a vendor's text or a path of the machine, so callers get none of it.
 */
export function errorResponse(
  error: VivaceError,
  { requestId, headers }: ErrorResponseOptions = {},
): HttpResponse {
  const { code, path, httpStatus, retryAfterMs } = error;
  const message = code === 'INTERNAL' ? 'internal error' : error.message;
  return {
    status: httpStatus,
    headers: {
      'content-type': 'application/json',
      ...(errorCodes[code].retry
        ? { 'retry-after': String(Math.max(1, Math.ceil((retryAfterMs ?? 0) / 1000))) }
        : {}),
      ...(requestId === undefined ? {} : { 'x-request-id': requestId }),
      ...headers,
    },
    body: JSON.stringify({
      code,
      message: cut(message, longestMessage),
      path: path === undefined ? undefined : cut(path, longestPath),
      requestId,
    }),
  };
}

function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}

/** The caller's own id of a request, where it sent one that is safe to repeat in headers and logs. */
export function requestIdOf(headers: Readonly<Record<string, string | undefined>>): string | undefined {
  const id = headers['x-request-id'];
  return id !== undefined && requestIds.pattern.test(id) ? id : undefined;
}
