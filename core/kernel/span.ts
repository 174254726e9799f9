import { SpanStatusCode, type Span } from '@opentelemetry/api';
import { messageOf } from './errors.js';

/** Ends a span; with what was thrown, where its work failed. */
export function endSpan(span: Span, failure?: { readonly error: unknown }): void {
  if (failure !== undefined) {
    const { error } = failure;
    span.recordException(error instanceof Error ? error : String(error));
    span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
  }
  span.end();
}
