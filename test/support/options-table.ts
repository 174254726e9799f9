import type { z } from 'zod';
import { withArticle } from '../../core/config/article.js';
import { slotPort, type Definition } from '../../core/parts/definition.js';

interface Row {
  readonly name: string;
  readonly type: string;
  readonly initial: string;
  readonly text: string;
}

/** The slots and options of a part as a Markdown table, from its schema. */
export function optionsTable(definition: Definition): string {
  const slots = Object.entries(definition.uses).map(([slot, spec]): Row => {
    const { port, optional } = slotPort(spec);
    return {
      name: slot,
      type: 'a part',
      initial: optional ? '' : 'required',
      text: `the name of ${withArticle(port.name)} part`,
    };
  });
  const rows = [...slots, ...schemaRows(definition.options)];
  return rows.length === 0 ? 'It has no options.' : table(rows);
}

/** The keys of a block of the configuration as a Markdown table. */
export function schemaTable(schema: z.ZodObject): string {
  return table(schemaRows(schema));
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(({ name, type, initial, text }) =>
    `| \`${name}\` | ${type} | ${initial} | ${text} |`.replaceAll('  ', ' '),
  );
  return ['| option | type | default | |', '|---|---|---|---|', ...lines].join('\n');
}

function schemaRows(schema: z.ZodObject): Row[] {
  return Object.entries(schema.shape).map(([name, option]) => {
    const { type, initial, optional, description } = read(option as z.ZodType);
    return {
      name,
      type: escape(type),
      initial: initial ?? (optional ? '' : 'required'),
      // The default has a column of its own.
      text: escape(
        (description ?? '').replace(initial === undefined ? /^$/ : /[;,.]? *\bdefault:? [^;]*$/i, ''),
      ),
    };
  });
}

interface Read {
  readonly type: string;
  readonly initial?: string;
  readonly optional: boolean;
  readonly description?: string;
}

/** Goes through what wraps a schema: a default, an option, a refinement. */
function read(schema: z.ZodType): Read {
  const definition = schema._zod.def as {
    type: string;
    innerType?: z.ZodType;
    in?: z.ZodType;
    defaultValue?: unknown;
  };
  const inner = definition.innerType ?? definition.in;
  const outer = schema.description;
  if (inner === undefined)
    return {
      type: typeText(schema),
      optional: definition.type === 'unknown',
      ...(outer === undefined ? {} : { description: outer }),
    };
  const found = read(inner);
  const description = outer ?? found.description;
  return {
    ...found,
    ...(description === undefined ? {} : { description }),
    ...(definition.type === 'default' ? initialOf(definition.defaultValue) : {}),
    optional: found.optional || definition.type === 'optional' || definition.type === 'default',
    type: definition.type === 'nullable' ? `${found.type} or null` : found.type,
  };
}

/** An empty block as default says nothing: its text tells what stands in. */
function initialOf(value: unknown): Pick<Read, 'initial'> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.keys(value).length === 0 ? {} : { initial: `\`${JSON.stringify(value)}\`` };
  }
  if (Array.isArray(value) && value.length > 0)
    return { initial: value.map((item) => `\`${String(item)}\``).join(', ') };
  return {
    initial:
      typeof value === 'function' || value === '' || Array.isArray(value) ? 'none' : `\`${String(value)}\``,
  };
}

interface Known {
  readonly type: string;
  readonly entries?: Readonly<Record<string, string>>;
  readonly element?: z.ZodType;
  readonly items?: readonly z.ZodType[];
  readonly options?: readonly z.ZodType[];
  readonly valueType?: z.ZodType;
  readonly values?: readonly unknown[];
}

function typeText(schema: z.ZodType): string {
  const definition = schema._zod.def as Known;
  switch (definition.type) {
    case 'number':
      return (schema as z.ZodNumber).format === 'safeint' ? 'integer' : 'number';
    case 'boolean':
      return 'true or false';
    case 'string':
      return 'text';
    case 'enum':
      return Object.values(definition.entries ?? {})
        .map((value) => `\`${value}\``)
        .join(', ');
    case 'literal':
      return (definition.values ?? []).map((value) => `\`${String(value)}\``).join(', ');
    case 'array':
      return `list of ${read(definition.element!).type}`;
    case 'tuple':
      return `[${(definition.items ?? []).map((item) => read(item).type).join(', ')}]`;
    case 'union':
      return [...new Set((definition.options ?? []).map((option) => read(option).type))].join(' or ');
    case 'record':
      return `block of ${read(definition.valueType!).type}`;
    case 'object':
      return 'block';
    case 'custom':
      return 'in code only';
    default:
      return 'anything';
  }
}

function escape(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
