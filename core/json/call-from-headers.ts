import { randomUUID } from 'node:crypto';
import { requestIds } from '../config/names.js';
import { Call, type CallFields } from '../kernel/call.js';
import { traceFrom } from '../kernel/trace-context.js';

/** The caller's own id of a request, where it sent one that is safe to repeat in headers and logs. */
export function requestIdOf(headers: Readonly<Record<string, string | undefined>>): string | undefined {
  const id = headers['x-request-id'];
  return id !== undefined && requestIds.pattern.test(id) ? id : undefined;
}

/**
 * The call for a request over HTTP, with the id that its headers give or a new one.
 *
 * @param headers Lower-case names.
 * @param signal Aborts when the peer disconnects.
 * @param options.trace The context of the exchange's span, where it has one; default: the trace that it comes from.
 * @param options.arrivedAt When the head was there, in `performance.now()` milliseconds; default: now.
 */
export function callFrom(
  headers: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal | (() => AbortSignal),
  { trace = traceFrom(headers), arrivedAt }: Pick<CallFields, 'trace' | 'arrivedAt'> = {},
): Call {
  return new Call({ requestId: requestIdOf(headers) ?? randomUUID(), signal, trace, arrivedAt });
}
