import {
  isVivaceError,
  parseValue,
  redact,
  type CheckedBackend,
  type Binding,
  type FeatureView,
  type Plan,
  type PlanColumn,
  type PlanNode,
  type Server,
} from 'vivace';
import type { ZodType } from 'zod';
import type { Branch } from './tree.js';

/** The parts as a tree: those that no other part uses at the top, the parts in their slots below. */
export function describeParts({ bindings }: Server): Branch {
  const used = new Set(bindings.flatMap(({ slots }) => Object.values(slots)));
  const shown = new Set<string>();
  const branch = (binding: Binding, slot = ''): Branch => {
    const head = `${slot}${binding.name}: ${binding.use} (${binding.ports.join(', ')})`;
    if (shown.has(binding.name) && Object.keys(binding.slots).length > 0) return { text: `${head} …` };
    shown.add(binding.name);
    return {
      text: `${head}${optionsText(binding)}`,
      branches: Object.entries(binding.slots).map(([name, part]) =>
        branch(
          bindings.find((other) => other.name === part)!,
          `${name} → `,
        ),
      ),
    };
  };
  return {
    text: 'parts',
    branches: bindings.filter(({ name }) => !used.has(name)).map((binding) => branch(binding)),
  };
}

/** Options that differ from their defaults, secrets hidden. */
function optionsText({ options, definition }: Binding): string {
  const { shape } = definition.options;
  const texts = Object.entries(redact(definition.options, options as Record<string, unknown>)).flatMap(
    ([name, value]) => {
      const schema = shape[name] as ZodType | undefined;
      const initial = schema === undefined ? undefined : defaultOf(schema);
      const text = typeof value === 'function' ? '(a function)' : JSON.stringify(value);
      return value === undefined || text === JSON.stringify(initial) ? [] : [`${name} ${text}`];
    },
  );
  return texts.length === 0 ? '' : `  ${texts.join(', ')}`;
}

/** What a schema makes of nothing. */
function defaultOf(schema: ZodType): unknown {
  const parsed = parseValue(schema, undefined);
  return parsed.mistakes === undefined ? parsed.value : undefined;
}

export function describeViews(views: ReadonlyMap<string, FeatureView>): Branch {
  return {
    text: 'views',
    branches: [...views.values()].map((view) => ({
      text: `${view.name} #${view.hash}  ${view.entity.map(({ name, type }) => `${name}: ${type.name}`).join(', ')}  in ${view.store}`,
      branches: [
        ...(view.source === undefined ? [] : [{ text: sourceText(view) }]),
        {
          text: `${view.features.length} features: ${view.features.map(({ name, type }) => `${name}: ${type.name}`).join(', ')}`,
        },
      ],
    })),
  };
}

function sourceText({ source, isStatic, maxAgeMs }: FeatureView): string {
  const { table, query, eventTime, availableTime, log } = source!;
  const times = isStatic ? 'static' : `event time ${eventTime}, available time ${availableTime}`;
  const dialect = query === undefined ? '' : ' (a query holds for one SQL dialect only)';
  const from = log === undefined ? (table ?? 'a query') : `what is pushed, kept in ${log}`;
  return `from ${from}${dialect}, ${times}${maxAgeMs === undefined ? '' : `, stale after ${maxAgeMs} ms`}`;
}

export function describePlans(plans: ReadonlyMap<string, Plan>): Branch {
  return { text: 'pipelines', branches: [...plans.values()].map(describePlan) };
}

function describePlan(plan: Plan): Branch {
  const { response, objects } = plan;
  const fields = (list: readonly { name: string; type: { name: string } }[]): string =>
    list.map(({ name, type }) => `${name}: ${type.name}`).join(', ');
  const order =
    response.orderBy === undefined
      ? ''
      : `, by ${response.orderBy.name}${response.descending ? ' descending' : ''}`;
  return {
    text: `${plan.name}  time ${plan.time?.name ?? 'arrival'}, deadline ${plan.deadlineMs} ms${plan.record !== false && plan.record.metrics ? '' : ', no metrics'}`,
    branches: [
      {
        text: `request { ${fields(plan.request)} }${objects === undefined ? '' : `, up to ${objects.max} objects { ${fields(objects.fields)} }`}`,
      },
      ...plan.nodes.map(describeNode),
      {
        text: `answer ${response.outputs.map(({ name, column }) => `${name} = ${column.name}`).join(', ')}${order}${response.limit === undefined ? '' : `, the first ${response.limit}`}`,
      },
    ],
  };
}

function describeNode(node: PlanNode): Branch {
  const { what, notes } = node.definition.summary(node);
  const as = node.alias === what.replaceAll('-', '_') ? '' : ` as ${node.alias}`;
  return {
    text: `${node.verb} ${what}${as}  ${[`per ${node.scope}`, ...notes].join(', ')}`,
    branches: [{ text: `reads ${names(node.reads)}` }, { text: `writes ${names(node.writes)}` }],
  };
}

function names(columns: readonly PlanColumn[]): string {
  return columns.length === 0 ? 'nothing' : columns.map(({ name }) => name).join(', ');
}

export function describeBackends(checked: readonly CheckedBackend[]): Branch {
  return {
    text: 'backends',
    branches: checked.map(({ part, use, outcome }) => ({
      text: `${part}: ${use}  ${outcomeText(outcome)}`,
      branches: isVivaceError(outcome) ? [] : outcome.advice.map((text) => ({ text })),
    })),
  };
}

function outcomeText(outcome: CheckedBackend['outcome']): string {
  if (isVivaceError(outcome)) return `failed: ${outcome.code} ${outcome.message}`;
  const answers = outcome.answers.map(({ port, medianMs }) => `${port} answers in ${milliseconds(medianMs)}`);
  return [`ready in ${milliseconds(outcome.readyMs)}`, ...answers].join(', ');
}

function milliseconds(ms: number): string {
  return `${ms < 10 ? ms.toFixed(2) : Math.round(ms)} ms`;
}
