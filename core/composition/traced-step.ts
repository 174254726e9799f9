import { ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import { messageOf } from '../kernel/errors.js';
import type { PlanNode } from '../pipeline/plan.js';
import type { NodeStep, RunContext } from '../pipeline/run-context.js';

/** A node's step within a span of its own, while somebody records spans. */
export function traced(node: PlanNode, step: NodeStep, tracing: () => boolean): NodeStep {
  const name = `${node.verb} ${node.alias}`;
  const attributes = { 'vivace.step': node.alias, 'vivace.scope': node.scope };
  return {
    run(context) {
      if (!tracing()) return step.run(context);
      const parent = context.trace ?? ROOT_CONTEXT;
      const span = trace.getTracer('vivace').startSpan(name, { attributes }, parent);
      const fail = (error: unknown): never => {
        span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
        span.end();
        throw error;
      };
      try {
        const running = step.run(within(context, trace.setSpan(parent, span)));
        if (running instanceof Promise) return running.then(() => span.end(), fail);
        span.end();
      } catch (error) {
        return fail(error);
      }
    },
  };
}

/** The same run, seen from inside a span. */
function within(context: RunContext, inner: NonNullable<RunContext['trace']>): RunContext {
  return {
    frame: context.frame,
    degraded: context.degraded,
    models: context.models,
    durations: context.durations,
    signal: context.signal,
    deadline: context.deadline,
    fetchSignal: () => context.fetchSignal(),
    ...(context.fetchDeadline === undefined ? {} : { fetchDeadline: context.fetchDeadline }),
    trace: inner,
  };
}
