import { formatInstant, instantOfMillis, type JsonSchema } from 'vivace';

/**
 * A value that fits a schema of a request, drawn at random: what is required, and two of each list.
 *
 * @param random Numbers in [0, 1).
 */
export function drawnExample(schema: JsonSchema, random: () => number): unknown {
  const {
    anyOf,
    type,
    format,
    properties = {},
    required = [],
    items,
    minItems = 2,
  } = schema as {
    anyOf?: readonly JsonSchema[];
    type?: string;
    format?: string;
    properties?: Readonly<Record<string, JsonSchema>>;
    required?: readonly string[];
    items?: JsonSchema;
    minItems?: number;
  };
  if (anyOf !== undefined) return drawnExample(anyOf[0]!, random);
  switch (type) {
    case 'object':
      return Object.fromEntries(required.map((name) => [name, drawnExample(properties[name]!, random)]));
    case 'array':
      return Array.from({ length: minItems }, () => drawnExample(items!, random));
    case 'integer':
      return Math.floor(random() * 1000);
    case 'number':
      return random() * 10;
    case 'boolean':
      return random() < 0.5;
    default:
      return textOf(schema, format, random);
  }
}

function textOf(schema: JsonSchema, format: string | undefined, random: () => number): string {
  if (format === 'date-time')
    return formatInstant(instantOfMillis(Math.floor(Date.now() / 1000) * 1000)) ?? '';
  if ('contentEncoding' in schema) return 'AAAA';
  return `text-${Math.floor(random() * 1000)}`;
}
