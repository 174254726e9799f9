import { trace, type Attributes, type Span, type SpanOptions, type Tracer } from '@opentelemetry/api';
import assert from 'node:assert/strict';

/** A span as a contract sees it. */
export interface RecordedSpan {
  readonly name: string;
  readonly kind: SpanOptions['kind'];
  readonly attributes: Attributes;
  readonly spanId: string;
  ended: boolean;
}

/** Records the spans of this process while `use` runs. The process must have no tracer provider. */
export async function recordSpans(use: (spans: readonly RecordedSpan[]) => Promise<void>): Promise<void> {
  const spans: RecordedSpan[] = [];
  const startSpan: Tracer['startSpan'] = (name, { kind, attributes = {} } = {}) => {
    const spanId = (spans.length + 1).toString(16).padStart(16, '0');
    const recorded: RecordedSpan = { name, kind, attributes: { ...attributes }, spanId, ended: false };
    spans.push(recorded);
    const span = trace.wrapSpanContext({ traceId: 'a'.repeat(32), spanId, traceFlags: 1 });
    return Object.assign(span, {
      setAttribute(key: string, value: NonNullable<Attributes[string]>): Span {
        recorded.attributes[key] = value;
        return span;
      },
      end: (): void => void (recorded.ended = true),
    });
  };
  const tracer = { startSpan } as Tracer;
  assert.ok(
    trace.setGlobalTracerProvider({ getTracer: () => tracer }),
    'the contract records spans itself: unset the tracer provider of the process',
  );
  try {
    await use(spans);
  } finally {
    trace.disable();
  }
}
