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
  readonly contentEncoding?: string;
}

export interface ExampleOptions {
  /** What its times are, epoch milliseconds; seconds and more. */
  readonly nowMs: number;
  /** Numbers in [0, 1) by which numbers, texts and booleans differ from one example to the next; default: they are always the same. */
  readonly random?: () => number;
}

/** A value that fits the schema of a request or an answer: what is required, and two of each list. */
export function exampleOf(schema: JsonSchema, options: ExampleOptions): unknown {
  const { anyOf, type, properties = {}, required = [], items, minItems = 2, ...known } = schema as Known;
  if (anyOf !== undefined) return exampleOf(anyOf[0]!, options);
  if (known.enum !== undefined) return known.enum[0];
  if ('const' in known) return known.const;
  const { random } = options;
  switch (type) {
    case 'object':
      return Object.fromEntries(required.map((name) => [name, exampleOf(properties[name]!, options)]));
    case 'array':
      return Array.from({ length: minItems }, () => exampleOf(items!, options));
    case 'integer':
      return random === undefined ? 1 : Math.floor(random() * 1000);
    case 'number':
      return random === undefined ? 1.5 : random() * 10;
    case 'boolean':
      return random === undefined || random() < 0.5;
    default:
      return textExample(known, options);
  }
}

function textExample({ format, contentEncoding }: Known, { nowMs, random }: ExampleOptions): string {
  if (format === 'date-time') return formatInstant(instantOfMillis(Math.floor(nowMs / 1000) * 1000))!;
  if (contentEncoding !== undefined) return 'AAAA';
  return random === undefined ? 'text' : `text-${Math.floor(random() * 1000)}`;
}
