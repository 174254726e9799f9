import type { Call } from '../kernel/call.js';
import { requestIdOf } from './call-from-headers.js';
import { errorCodes, isVivaceError, VivaceError } from '../kernel/errors.js';
import type { HttpRequestHead, HttpResponse, HttpRoute } from '../ports/http-server.js';

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

/** An exchange that failed, for the server that answers it. */
export interface FailedExchange {
  readonly head: HttpRequestHead;
  /** Of the head, where there is one; `call` is then known as well. */
  readonly route?: HttpRoute | undefined;
  readonly call?: Call | undefined;
  /** Where what callers are not told goes. */
  readonly log: { error(message: string, fields: { error: unknown; requestId?: string | undefined }): void };
}

/** The answer to an exchange that failed with `error`: as its route formats it, else in the default format. */
export function failureResponse(error: unknown, { head, route, call, log }: FailedExchange): HttpResponse {
  const requestId = call?.requestId ?? requestIdOf(head.headers);
  if (!isVivaceError(error) || error.httpStatus === 500) log.error('a request failed', { error, requestId });
  const known = isVivaceError(error)
    ? error
    : new VivaceError('INTERNAL', 'internal error', { cause: error });
  if (route?.failed !== undefined && call !== undefined) {
    try {
      return route.failed(known, head, call);
    } catch (fault) {
      log.error('an error could not be formatted', { error: fault, requestId });
    }
  }
  return errorResponse(known, { requestId });
}

function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}
