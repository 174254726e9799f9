import {
  INVALID_SPAN_CONTEXT,
  trace,
  type Attributes,
  type Context,
  type Span,
  type SpanOptions,
  type Tracer,
} from '@opentelemetry/api';
import { contextWithin, type CallContext } from './call.js';
import { isTracing, tracer } from './instrumentation.js';
import { withinSpan } from './span.js';

/**
 * OpenTelemetry's tracer for spans of an author's own, under the scope of Vivace. Where tracing is off, its spans cost next to nothing and
 * are not recorded.
 */
export interface CallTracer extends Tracer {
  /**
   * Runs `work` within a span below that of `call`. The span ends with the work, records its failure, and is the active span while the work
   * runs.
   *
   * @param work Gets two arguments: the call to pass on, so that the spans of further calls are below this one, and the span, for setting
   *   attributes.
   * @returns What `work` returns; a synchronous answer stays synchronous.
   */
  inSpan<C extends CallContext, T>(name: string, call: C, work: (call: C, span: Span) => T): T;
}

const noSpan = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

/** @param attributes What every span has. */
export function callTracer(attributes: Attributes): CallTracer {
  const withOwn = (options: SpanOptions): SpanOptions => ({
    ...options,
    attributes: { ...attributes, ...options.attributes },
  });
  return {
    startSpan: (name, options = {}, parent) => tracer().startSpan(name, withOwn(options), parent),
    startActiveSpan<F extends (span: Span) => unknown>(
      name: string,
      ...given: [F] | [SpanOptions, F] | [SpanOptions, Context, F]
    ): ReturnType<F> {
      const work = given.at(-1) as F;
      const options = withOwn(given.length === 1 ? {} : given[0]);
      return given.length === 3
        ? tracer().startActiveSpan(name, options, given[1], work)
        : tracer().startActiveSpan(name, options, work);
    },
    inSpan(name, call, work) {
      if (!isTracing()) return work(call, noSpan);
      return withinSpan({ name, attributes, parent: call.trace, links: call.links }, (inside, span) =>
        work(contextWithin(call, inside) as typeof call, span),
      );
    },
  };
}

/** The tracer of steps and layers, which have the call and no context of a part: `stepTracer.inSpan('parse', call, work)`. */
export const stepTracer: CallTracer = callTracer({});
