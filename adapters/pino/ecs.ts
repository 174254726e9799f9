import { formatMillis, isVivaceError, messageOf, type LogRecord } from 'vivace';

const deepestCause = 5;

/**
 * A record under the field names of the Elastic Common Schema; what ECS has no name for lies under `vivace.`.
 *
 * @see https://www.elastic.co/docs/reference/ecs/ecs-field-reference
 */
export function ecsFields(record: LogRecord, copy: (value: unknown) => unknown): Record<string, unknown> {
  const fields: Record<string, unknown> = {
    '@timestamp': timeText(record.time),
    'ecs.version': '8.11.0',
  };
  for (const [name, value] of Object.entries((copy(record.fields) as object | undefined) ?? {})) {
    fields[`vivace.${name}`] = value;
  }
  fields['vivace.part'] = record.part;
  if (record.traceId !== undefined) fields['trace.id'] = record.traceId;
  if (record.spanId !== undefined) fields['span.id'] = record.spanId;
  if (record.error !== undefined) Object.assign(fields, errorFields(record.error, copy));
  return fields;
}

/** RFC 3339; the epoch for a number that is not a time. */
export function timeText(time: number): string {
  return formatMillis(time) ?? formatMillis(0)!;
}

function errorFields(error: unknown, copy: (value: unknown) => unknown): Record<string, unknown> {
  if (!(error instanceof Error)) {
    const shown = copy(error);
    return { 'error.message': typeof shown === 'string' ? shown : JSON.stringify(shown) };
  }
  return {
    'error.type': error.name,
    'error.message': error.message,
    'error.stack_trace': stackOf(error),
    ...(isVivaceError(error) ? { 'error.code': error.code } : {}),
  };
}

/** The stack, and those of the causes. */
function stackOf(error: Error): string {
  const stacks: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < deepestCause && current !== undefined; depth++) {
    stacks.push(current instanceof Error ? (current.stack ?? current.message) : messageOf(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return stacks.join('\ncaused by: ');
}
