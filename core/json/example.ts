import { formatInstant, instantOfMillis } from '../kernel/time.js';
import type { JsonSchema } from './json-schema.js';

/** The parts of JSON Schema that the schemas of requests and answers use. */
interface Known {
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly minItems?: number;
}

/**
 * A value that fits the schema of a request or an answer: what is required, and two of each list.
 *
 * @param nowMs What its times are, epoch milliseconds; seconds and more.
 */
export function exampleOf(schema: JsonSchema, nowMs: number): unknown {
  const {
    anyOf,
    type,
    format,
    properties = {},
    required = [],
    items,
    minItems = 2,
    ...known
  } = schema as Known;
  if (anyOf !== undefined) return exampleOf(anyOf[0]!, nowMs);
  if (known.enum !== undefined) return known.enum[0];
  if ('const' in known) return known.const;
  switch (type) {
    case 'object':
      return Object.fromEntries(required.map((name) => [name, exampleOf(properties[name]!, nowMs)]));
    case 'array':
      return Array.from({ length: minItems }, () => exampleOf(items!, nowMs));
    case 'integer':
      return 1;
    case 'number':
      return 1.5;
    case 'boolean':
      return true;
    default:
      return format === 'date-time'
        ? formatInstant(instantOfMillis(Math.floor(nowMs / 1000) * 1000))
        : 'contentEncoding' in schema
          ? 'AAAA'
          : 'text';
  }
}
