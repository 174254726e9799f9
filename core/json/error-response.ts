import { randomUUID } from 'node:crypto';
import type { Call } from '../kernel/call.js';
import { requestIdOf } from './call-from-headers.js';
import { errorCodes, isVivaceError, VivaceError } from '../kernel/errors.js';
import type { HttpRequestHead, HttpResponse, HttpRoute } from '../ports/http-server.js';

export interface ErrorResponseOptions {
  readonly requestId?: string | undefined;
  /** Headers besides those that every error has, such as `allow`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The longest path and message in an answer: both may repeat a caller's own text, such as a key of a megabyte, and are cut. */
const longestPath = 200;
const longestMessage = 2000;
/** The longest message of one of several mistakes. */
const longestDetail = 500;

/**
 * The HTTP answer for an error: `{code, message, path?, details?, requestId?}`, with `Retry-After` where trying again may help.
 *
 * The message of an INTERNAL error may quote a vendor's text or a path of the machine, so callers do not get it.
 */
export function errorResponse(
  error: VivaceError,
  { requestId, headers }: ErrorResponseOptions = {},
): HttpResponse {
  const { code, path, details, httpStatus, retryAfterMs } = error;
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
      details: details?.map((each) => ({
        path: cut(each.path, longestPath),
        message: cut(each.message, longestDetail),
      })),
      requestId,
    }),
  };
}

/** An exchange that failed, for the server that answers it. */
export interface FailedExchange {
  readonly head: HttpRequestHead;
  /** The route of the head, where there is one; `call` is then known as well. */
  readonly route?: HttpRoute | undefined;
  readonly call?: Call | undefined;
  /** Gets the details that callers are not told. */
  readonly log: { error(message: string, fields: { error: unknown; requestId?: string | undefined }): void };
}

/**
 * The answer to an exchange that failed with `error`: as its route formats it, otherwise in the default format. It names the request in
 * `x-request-id`, whichever the format: by the call's id, otherwise by the caller's own or a new one.
 */
export function failureResponse(error: unknown, { head, route, call, log }: FailedExchange): HttpResponse {
  const requestId = call?.requestId ?? requestIdOf(head.headers) ?? randomUUID();
  if (!isVivaceError(error) || error.httpStatus === 500) log.error('a request failed', { error, requestId });
  const known = isVivaceError(error)
    ? error
    : new VivaceError('INTERNAL', 'internal error', { cause: error });
  if (route?.failed !== undefined && call !== undefined) {
    try {
      const failure = route.failed(known, head, call);
      return { ...failure, headers: { 'x-request-id': requestId, ...failure.headers } };
    } catch (fault) {
      log.error('an error could not be formatted', { error: fault, requestId });
    }
  }
  return errorResponse(known, { requestId });
}

function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}
