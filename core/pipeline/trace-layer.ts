import type { Attributes, Context } from '@opentelemetry/api';
import { attributeNames } from '../kernel/attribute-names.js';
import { withinSpan } from '../kernel/span.js';
import type { Degradation } from '../ports/data-plane.js';
import type { NodeLayer, RunLayer, RunNode, RunPipeline } from './layers.js';
import type { Plan, PlanNode } from './plan.js';
import type { NodeRun, Run } from './run.js';

const order = 100;

/** A span around each run, while spans are recorded. */
export class TraceRuns implements RunLayer {
  readonly name = 'trace';
  readonly order = order;
  readonly #tracing: () => boolean;

  constructor(tracing: () => boolean) {
    this.#tracing = tracing;
  }

  wrap({ name: pipeline }: Plan, next: RunPipeline): RunPipeline {
    const name = `predict ${pipeline}`;
    return (run) => {
      if (!this.#tracing()) return next(run);
      const attributes = {
        [attributeNames.pipeline]: pipeline,
        [attributeNames.requestId]: run.call.requestId,
      };
      return withinSpan({ name, attributes, parent: run.call.trace }, (inside) => next(under(run, inside)));
    };
  }
}

/** A span around each node, while spans are recorded; it tells which rows the node had to do without. */
export class TraceNodes implements NodeLayer {
  readonly name = 'trace';
  readonly order = order;
  readonly #tracing: () => boolean;

  constructor(tracing: () => boolean) {
    this.#tracing = tracing;
  }

  wrap({ verb, alias, scope }: PlanNode, next: RunNode): RunNode {
    const name = `${verb} ${alias}`;
    const attributes = { [attributeNames.step]: alias, [attributeNames.scope]: scope };
    return (run) => {
      if (!this.#tracing()) return next(run);
      return withinSpan(
        {
          name,
          attributes,
          parent: run.call.trace,
          ended: (span) => void span.setAttributes(degradedBy(run, alias)),
        },
        (inside) => next(under(run, inside) as NodeRun),
      );
    };
  }
}

/** The run as seen from inside a span. */
function under(run: Run, inside: Context): Run {
  const change = { trace: inside };
  return run.under(run.call.derive(change), run.fetchCall.derive(change));
}

const rowsOf: Readonly<Record<Degradation['status'], string>> = {
  MISSING: attributeNames.rowsMissing,
  STALE: attributeNames.rowsStale,
  FAILED: attributeNames.rowsFailed,
};

/** How many rows a step did not get, and why. */
function degradedBy({ degraded }: Run, step: string): Attributes {
  const attributes: Attributes = {};
  for (const { step: other, status, rows, code } of degraded) {
    if (other !== step) continue;
    attributes[rowsOf[status]] = rows;
    if (code !== undefined) attributes[attributeNames.failureCode] = code;
  }
  return attributes;
}
