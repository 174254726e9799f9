import { propagation, ROOT_CONTEXT, type Context } from '@opentelemetry/api';

/**
 * The trace a request belongs to, read from its headers (lower-case names) by the global propagator: W3C trace context where the
 * telemetry part set it up; `undefined` where nobody did or the headers name none.
 *
 * @see https://www.w3.org/TR/trace-context/
 */
export function traceFrom(headers: Readonly<Record<string, string | undefined>>): Context | undefined {
  const extracted = propagation.extract(ROOT_CONTEXT, headers);
  return extracted === ROOT_CONTEXT ? undefined : extracted;
}
