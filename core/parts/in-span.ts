import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
} from '@opentelemetry/api';
import { messageOf } from '../kernel/errors.js';
import type { CallContext } from '../kernel/call.js';
import type { JoinedContext } from './coalesce.js';

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
  // Named, because a context's signal may be a getter of its class, which a spread leaves behind.
  const inner =
    context === undefined
      ? args
      : args.with(at, { ...context, signal: context.signal, trace: trace.setSpan(parent, span) });
  const fail = (error: unknown): never => {
    span.recordException(error instanceof Error ? error : String(error));
    span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
    span.end();
    throw error;
  };
  let result: unknown;
  try {
    result = operation(...inner);
  } catch (error) {
    return fail(error);
  }
  if (result instanceof Promise) {
    return result.then((value: unknown) => {
      span.end();
      return value;
    }, fail);
  }
  span.end();
  return result;
}

function isCallContext(value: unknown): value is CallContext {
  return (
    typeof value === 'object' &&
    value !== null &&
    (value as Partial<CallContext>).signal instanceof AbortSignal
  );
}
