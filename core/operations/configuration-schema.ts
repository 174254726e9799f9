import { z } from 'zod';
import { withArticle } from '../config/article.js';
import { columnNames, partNames, pathNames } from '../config/names.js';
import { slotPort, type Definition } from '../parts/definition.js';
import { pipelineSchema } from '../pipeline/schema.js';
import type { StepDefinition } from '../pipeline/step-definition.js';
import { builtInVerbs } from '../steps/index.js';
import { viewSchema } from '../views/schema.js';
import { admissionOptions } from '../composition/admission-options.js';
import { builtInNames, resolveUse } from '../composition/resolve-use.js';

type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * The JSON Schema (draft 2020-12) of a configuration file, for editors: one branch per built-in part with its options and slots, and a
 * loose one for parts from other packages and files. `vivace check`, not the schema, checks references between blocks.
 *
 * @param own Verbs of a team's own, besides those of Vivace.
 */
export async function configurationSchema(own: readonly StepDefinition[] = []): Promise<JsonSchema> {
  const definitions = await Promise.all(builtInNames().map((name) => resolveUse(name, '/')));
  const builtIn = definitions.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Vivace configuration',
    type: 'object',
    additionalProperties: false,
    properties: {
      modules: {
        description:
          'files with services, verbs and layers of your own: relative .js or .mjs files that export ContainerModules',
        type: 'array',
        items: { type: 'string', pattern: '^\\.{0,2}/.*\\.m?js$' },
      },
      admission: {
        description: 'when the server refuses calls',
        ...withReferences(toJson(admissionOptions)),
      },
      parts: block('backends and behaviours, by name', partNames.pattern.source, partSchema(builtIn)),
      views: block('feature views, by name', columnNames.pattern.source, withReferences(toJson(viewSchema))),
      pipelines: block(
        'pipelines, by name',
        pathNames.pattern.source,
        pipelineJson([...builtInVerbs, ...own]),
      ),
    },
  };
}

/** A block may stand empty, as while it is being written. */
function block(description: string, pattern: string, entry: JsonSchema): JsonSchema {
  return { description, type: 'object', propertyNames: { pattern }, additionalProperties: entry };
}

function partSchema(definitions: readonly Definition[]): JsonSchema {
  const names = definitions.map((definition) => definition.name);
  return {
    type: 'object',
    required: ['use'],
    properties: {
      use: {
        description: 'a built-in part, the rest of a package name vivace-…, or a relative .js file',
        anyOf: [{ enum: names }, { type: 'string' }],
      },
    },
    allOf: definitions.map((definition) => ({
      if: { required: ['use'], properties: { use: { const: definition.name } } },
      // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
      then: definitionSchema(definition),
    })),
  };
}

function definitionSchema({ name, provides, options, uses }: Definition): JsonSchema {
  const { properties = {}, required = [] } = withReferences(toJson(options)) as {
    properties?: JsonSchema;
    required?: string[];
  };
  const slots = Object.entries(uses).map(([slot, spec]) => ({ slot, ...slotPort(spec) }));
  return {
    description: `${name}: ${provides.map((port) => port.name).join(', ')}`,
    additionalProperties: false,
    required: ['use', ...slots.filter((slot) => !slot.optional).map(({ slot }) => slot), ...required],
    properties: {
      use: true,
      ...Object.fromEntries(
        slots.map(({ slot, port }) => [
          slot,
          { type: 'string', description: `the name of ${withArticle(port.name)} part` },
        ]),
      ),
      ...properties,
    },
  };
}

function pipelineJson(verbs: readonly StepDefinition[]): JsonSchema {
  const { properties, ...rest } = withReferences(toJson(pipelineSchema)) as { properties: JsonSchema };
  // The texts of steps are not resolved from the environment.
  const steps = verbs.map(({ verb, schema }) => {
    const json = toJson(schema) as { properties: JsonSchema; required?: readonly string[] };
    return { ...json, required: [...new Set([verb, ...(json.required ?? [])])] };
  });
  return {
    ...rest,
    properties: { ...properties, steps: { type: 'array', items: { anyOf: steps } } },
  };
}

/** Leaves out what only code can give: functions, clients, applications. */
function toJson(schema: z.ZodObject): JsonSchema {
  const shape = Object.fromEntries(
    Object.entries(schema.shape).filter(([, option]) => !isCodeOnly(option as z.core.$ZodType)),
  );
  const loose = schema._zod.def.catchall?._zod.def.type !== 'never';
  const { $schema, ...json } = z.toJSONSchema(loose ? z.looseObject(shape) : z.strictObject(shape), {
    unrepresentable: 'any',
    io: 'input',
  });
  void $schema;
  return json;
}

/** True for an option that no file can hold. */
function isCodeOnly(schema: z.core.$ZodType): boolean {
  const definition = schema._zod.def as { type: string; innerType?: z.core.$ZodType };
  return (
    definition.type === 'custom' || (definition.innerType !== undefined && isCodeOnly(definition.innerType))
  );
}

const reference = { type: 'string', pattern: '\\$\\{env:' };

/** Allows a reference to the environment wherever a plain text would not be valid. */
function withReferences(schema: JsonSchema): JsonSchema {
  return visit(schema) as JsonSchema;
}

function visit(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(visit);
  if (typeof node !== 'object' || node === null) return node;
  const { description, default: initial, ...rest } = node as Record<string, unknown>;
  const texts = {
    ...(description === undefined ? {} : { description }),
    ...(initial === undefined ? {} : { default: initial }),
  };
  const { type } = rest;
  const plain = type === 'number' || type === 'integer' || type === 'boolean';
  const narrow = type === 'string' && ('pattern' in rest || 'enum' in rest || 'format' in rest);
  if (plain || narrow) return { ...texts, anyOf: [rest, reference] };
  // What stands under these keys is a name or a value, not a schema.
  const literal = ['enum', 'const', 'required', 'propertyNames', 'examples', 'type'];
  const inner = Object.entries(rest).map(([key, value]) => {
    if (literal.includes(key)) return [key, value];
    if (key === 'properties')
      return [
        key,
        Object.fromEntries(
          Object.entries(value as object).map(([name, property]) => [name, visit(property)]),
        ),
      ];
    return [key, visit(value)];
  });
  return { ...texts, ...(Object.fromEntries(inner) as object) };
}
