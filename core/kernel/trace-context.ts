import { context, propagation, ROOT_CONTEXT, trace, type Context } from '@opentelemetry/api';
import type { CallContext } from './call.js';

/**
 * The trace that a request over HTTP belongs to. Where the application already has an active span for the request, it is that span's trace.
 * Otherwise it comes from the headers (lower-case names), as the global propagator reads them: W3C trace context where the telemetry part
 * set it up.
 *
 * @returns `undefined` where neither gives a trace.
 * @see https://www.w3.org/TR/trace-context/
 */
export function traceFrom(headers: Readonly<Record<string, string | undefined>>): Context | undefined {
  const active = context.active();
  if (trace.getSpan(active) !== undefined) return active;
  const extracted = propagation.extract(active, headers);
  return extracted === ROOT_CONTEXT ? undefined : extracted;
}

/** The headers by which what is asked on behalf of a call belongs to its trace, as the global propagator writes them. */
export function traceHeaders({ trace: of }: Pick<CallContext, 'trace'>): Record<string, string> {
  const headers: Record<string, string> = {};
  if (of !== undefined) propagation.inject(of, headers);
  return headers;
}
