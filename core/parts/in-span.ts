import { ROOT_CONTEXT, SpanKind, trace, type Attributes, type Context } from '@opentelemetry/api';
import { around } from '../kernel/around.js';
import { derivedContext, type CallContext } from '../kernel/call.js';
import { endSpan } from '../kernel/span.js';
import type { JoinedContext } from '../kernel/shared-work.js';

type Operation = (...args: unknown[]) => unknown;

/**
 * Calls an operation within a span, which becomes the trace of the call context among its arguments. The span is a child of that
 * context's, and linked to the others that a joined call answers.
 */
export function inSpan(
  operation: Operation,
  args: readonly unknown[],
  { name, attributes }: { readonly name: string; readonly attributes: Attributes },
): unknown {
  const at = args.findIndex(isCallContext);
  const context = args[at] as JoinedContext | undefined;
  const parent: Context = context?.trace ?? ROOT_CONTEXT;
  const links = (context?.links ?? [])
    .flatMap((joined) => trace.getSpanContext(joined) ?? [])
    .map((linked) => ({ context: linked }));
  const span = trace
    .getTracer('vivace')
    .startSpan(name, { kind: SpanKind.CLIENT, attributes, links }, parent);
  const inner =
    context === undefined
      ? args
      : args.with(at, derivedContext(context, { trace: trace.setSpan(parent, span) }));
  return around(
    () => operation(...inner),
    (failure) => endSpan(span, failure),
  );
}

function isCallContext(value: unknown): value is CallContext {
  return (
    typeof value === 'object' &&
    value !== null &&
    (value as Partial<CallContext>).signal instanceof AbortSignal
  );
}
