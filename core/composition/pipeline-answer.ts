import { checkExplanation, explainRun } from '../pipeline/explain.js';
import { columnAt } from '../pipeline/inputs.js';
import { orderOf } from '../pipeline/order.js';
import { describePlan, type Plan, type PlanField } from '../pipeline/plan.js';
import type { NodeRun } from '../pipeline/run.js';
import type { PipelineAnswer, PipelineDescription, PipelineField } from '../ports/data-plane.js';

/** A pipeline as callers see it, from its plan. */
export function descriptionOf(plan: Plan): PipelineDescription {
  const { time, objects, description } = plan;
  return {
    name: plan.name,
    ...(description === undefined ? {} : { description }),
    request: plan.request.map(fieldOf),
    ...(time === undefined ? {} : { time: plan.request.find(({ place }) => place === time.place)!.name }),
    ...(objects === undefined ? {} : { objects: { fields: objects.fields.map(fieldOf), max: objects.max } }),
    outputs: plan.response.outputs.map(({ name, column }) => ({ name, type: column.type })),
    deadlineMs: plan.deadlineMs,
    explain: plan.explain,
    explained: plan.nodes.map(({ alias, scope, definition, writes }) => ({
      alias,
      scope,
      hasStatus: definition.explain !== undefined,
      columns: writes.map(({ name, type }) => ({ name: name.slice(alias.length + 1), type })),
    })),
    plan: describePlan(plan),
  };
}

function fieldOf({ name, type, optional, description, unit, maxLength }: PlanField): PipelineField {
  return {
    name,
    type,
    optional,
    ...(description === undefined ? {} : { description }),
    ...(unit === undefined ? {} : { unit }),
    ...(maxLength === undefined ? {} : { maxLength }),
  };
}

/** The answer of a run that has ended; it shares its columns with the frame. */
export function answerOf(
  plan: Plan,
  { call, frame, models, degraded }: NodeRun,
  explain: boolean,
): PipelineAnswer {
  const { objects, response } = plan;
  if (explain)
    checkExplanation(
      plan,
      (of) => frame.rows(of),
      (place) => frame.column(place),
    );
  const scope = objects === undefined ? 'request' : 'object';
  return {
    requestId: call.requestId,
    models: [...models].map(([step, { name, version }]) => ({ step, name, version })),
    degraded,
    outputs: response.outputs.map(({ column }) => columnAt(frame, column, scope)),
    ...(objects === undefined
      ? {}
      : {
          objects: {
            fields: objects.fields.map(({ place }) => frame.column(place)),
            order: orderOf(plan, frame),
          },
        }),
    ...(explain ? { explanation: explainRun(plan, frame) } : {}),
  };
}
