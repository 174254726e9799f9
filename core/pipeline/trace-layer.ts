import { around } from '../kernel/around.js';
import { ROOT_CONTEXT, SpanKind, trace, type Attributes, type Context, type Span } from '@opentelemetry/api';
import { endSpan } from '../kernel/span.js';
import { type NodeLayer, type RunLayer, type RunNode, type RunPipeline } from './layers.js';
import type { Plan, PlanNode } from './plan.js';
import type { NodeRun, Run } from './run.js';

const order = 100;

/** A span around each run, while somebody records spans. */
export class TraceRuns implements RunLayer {
  readonly name = 'trace';
  readonly order = order;
  readonly #tracing: () => boolean;

  constructor(tracing: () => boolean) {
    this.#tracing = tracing;
  }

  wrap({ name: pipeline }: Plan, next: RunPipeline): RunPipeline {
    return (run) => {
      if (!this.#tracing()) return next(run);
      const attributes = { 'vivace.pipeline': pipeline, 'vivace.request_id': run.call.requestId };
      const { span, inner } = spanOf(run, `predict ${pipeline}`, { kind: SpanKind.SERVER, attributes });
      return around(
        () => next(inner),
        (failure) => endSpan(span, failure),
      );
    };
  }
}

/** A span around each node, while somebody records spans. */
export class TraceNodes implements NodeLayer {
  readonly name = 'trace';
  readonly order = order;
  readonly #tracing: () => boolean;

  constructor(tracing: () => boolean) {
    this.#tracing = tracing;
  }

  wrap({ verb, alias, scope }: PlanNode, next: RunNode): RunNode {
    const name = `${verb} ${alias}`;
    const attributes = { 'vivace.step': alias, 'vivace.scope': scope };
    return (run) => {
      if (!this.#tracing()) return next(run);
      const { span, inner } = spanOf(run, name, { attributes });
      return around(
        () => next(inner as NodeRun),
        (failure) => endSpan(span, failure),
      );
    };
  }
}

/** A new span below the run's, and the run as it is seen from inside it. */
function spanOf(
  run: Run,
  name: string,
  options: { readonly kind?: SpanKind; readonly attributes: Attributes },
): { readonly span: Span; readonly inner: Run } {
  const parent: Context = run.call.trace ?? ROOT_CONTEXT;
  const span = trace.getTracer('vivace').startSpan(name, options, parent);
  const inside = { trace: trace.setSpan(parent, span) };
  return { span, inner: run.under(run.call.derive(inside), run.fetchCall.derive(inside)) };
}
