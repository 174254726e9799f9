import { admissionOptions } from '../composition/admission-options.js';
import { withArticle } from '../config/article.js';
import { columnNames, partNames, pathNames } from '../config/names.js';
import { builtInNames, resolveUse } from '../composition/resolve-use.js';
import { slotPort, type Definition, type Uses } from '../parts/definition.js';
import { pipelineSchema } from '../pipeline/schema.js';
import type { StepDefinition } from '../pipeline/step-definition.js';
import { spineSchema } from '../offline/spine.js';
import { customKeys } from '../steps/custom/custom.js';
import type { StepType } from '../steps/custom/step.js';
import { builtInVerbs } from '../steps/index.js';
import { viewSchema } from '../views/schema.js';
import { optionsJson, withReferences, type JsonSchema } from './options-json.js';

/** What a team's configuration adds to what Vivace has; `ownDefinitions` finds it. */
export interface OwnDefinitions {
  /** By what stands after `use`. */
  readonly parts?: ReadonlyMap<string, Definition>;
  /** By the path that stands after `step`. */
  readonly steps?: ReadonlyMap<string, StepType>;
  readonly verbs?: readonly StepDefinition[];
}

const dialect = 'https://json-schema.org/draft/2020-12/schema';

/**
 * The JSON Schema (draft 2020-12) of a configuration file, for editors: options and slots of each part by its `use`, keys of each step by its
 * verb, types by name. Options that are secret have `x-secret`. Parts and steps from other packages and files are loose, unless `own` has
 * them. `vivace check`, not the schema, checks references between blocks.
 *
 * @param own What a team's configuration adds.
 */
export async function configurationSchema(own: OwnDefinitions = {}): Promise<JsonSchema> {
  const builtIn = await Promise.all(
    builtInNames().map(async (name) => [name, await resolveUse(name, '/')] as const),
  );
  const parts = [...builtIn, ...(own.parts ?? [])].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    $schema: dialect,
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
        ...withReferences(optionsJson(admissionOptions)),
      },
      parts: block('backends and behaviours, by name', partNames.pattern.source, partSchema(parts)),
      views: block('feature views, by name', columnNames.pattern.source, viewJson()),
      pipelines: block('pipelines, by name', pathNames.pattern.source, pipelineJson(own)),
    },
  };
}

/** The JSON Schema (draft 2020-12) of a spine, the historical requests of a training set. */
export function spineJsonSchema(): JsonSchema {
  const spine = withReferences(optionsJson(spineSchema));
  // The log of a pipeline may be read by a query.
  const sources = [
    { required: ['table', 'time'], not: { required: ['served'] } },
    { required: ['query', 'time'], not: { required: ['served'] } },
    { required: ['served'] },
  ];
  return { $schema: dialect, title: 'Vivace spine', ...spine, oneOf: sources };
}

/** A block may stand empty, as while it is being written. */
function block(description: string, pattern: string, entry: JsonSchema): JsonSchema {
  return { description, type: 'object', propertyNames: { pattern }, additionalProperties: entry };
}

function partSchema(parts: readonly (readonly [use: string, definition: Definition])[]): JsonSchema {
  return {
    type: 'object',
    required: ['use'],
    properties: {
      use: {
        description: 'a built-in part, the rest of a package name vivace-…, or a relative .js file',
        anyOf: [{ enum: parts.map(([use]) => use) }, { type: 'string' }],
      },
    },
    allOf: parts.map(([use, definition]) =>
      when({ required: ['use'], properties: { use: { const: use } } }, definitionSchema(definition)),
    ),
  };
}

function definitionSchema({ name, provides, options, uses }: Definition): JsonSchema {
  const { properties = {}, required = [] } = withReferences(optionsJson(options)) as Properties;
  const slots = slotsJson(uses);
  return {
    description: `${name}: ${provides.map((port) => port.name).join(', ')}`,
    additionalProperties: false,
    required: ['use', ...slots.required, ...required],
    properties: { use: true, ...slots.properties, ...properties },
  };
}

interface Properties {
  readonly properties?: JsonSchema;
  readonly required?: readonly string[];
}

function slotsJson(uses: Uses): Required<Properties> {
  const slots = Object.entries(uses).map(([slot, spec]) => ({ slot, ...slotPort(spec) }));
  return {
    required: slots.filter(({ optional }) => !optional).map(({ slot }) => slot),
    properties: Object.fromEntries(
      slots.map(({ slot, port }) => [
        slot,
        { type: 'string', description: `the name of ${withArticle(port.name)} part` },
      ]),
    ),
  };
}

function viewJson(): JsonSchema {
  const json = withReferences(optionsJson(viewSchema)) as JsonSchema & {
    properties: Record<string, JsonSchema>;
  };
  const { source, features, ...properties } = json.properties;
  const isAggregate = { type: 'object', required: ['aggregate'] };
  const all = (feature: JsonSchema): JsonSchema => ({
    required: ['features'],
    properties: { features: { type: 'object', minProperties: 1, additionalProperties: feature } },
  });
  return {
    ...json,
    properties: {
      ...properties,
      source: oneSource(source!),
      features: {
        ...features,
        // A view has either plain columns or aggregates.
        anyOf: [{ additionalProperties: { not: isAggregate } }, { additionalProperties: isAggregate }],
      },
    },
    ...when(all(isAggregate), {
      required: ['source'],
      properties: { source: { required: ['eventTime'] } },
    }),
  };
}

function pipelineJson({ steps = new Map(), verbs = [] }: OwnDefinitions): JsonSchema {
  const { properties, ...rest } = withReferences(optionsJson(pipelineSchema)) as { properties: JsonSchema };
  const all = [...builtInVerbs, ...verbs];
  return {
    ...rest,
    properties: { ...properties, steps: { type: 'array', items: stepJson(all, steps) } },
  };
}

/** One step: what may stand beside its verb. The texts of steps are not resolved from the environment. */
function stepJson(verbs: readonly StepDefinition[], steps: ReadonlyMap<string, StepType>): JsonSchema {
  const byVerb = verbs.map(({ verb, schema }) => {
    const json = optionsJson(schema);
    const { properties = {}, required = [] } = json as Properties;
    return [verb, { ...json, properties, required: [...new Set([verb, ...required])] }] as const;
  });
  return {
    type: 'object',
    properties: Object.fromEntries(byVerb.map(([verb, { properties }]) => [verb, properties[verb] ?? true])),
    anyOf: byVerb.map(([verb]) => ({ required: [verb] })),
    allOf: [
      ...byVerb.map(([verb, json]) => when({ required: [verb] }, json)),
      ...[...steps].map(([path, type]) =>
        when({ required: ['step'], properties: { step: { const: path } } }, ownStepJson(type)),
      ),
    ],
  };
}

function ownStepJson({ name, options, uses }: StepType): JsonSchema {
  const { properties = {}, required = [] } = optionsJson(options) as Properties;
  const slots = slotsJson(uses);
  const keys = optionsJson(customKeys) as Properties;
  return {
    description: `the step ${name}`,
    additionalProperties: false,
    required: ['step', ...slots.required, ...required],
    properties: { step: true, ...keys.properties, ...slots.properties, ...properties },
  };
}

/** Exactly one of `table`, `query` and `push`. */
function oneSource(json: JsonSchema): JsonSchema {
  return {
    ...json,
    oneOf: [{ required: ['table'] }, { required: ['query'] }, { required: ['push', 'log'] }],
  };
}

function when(condition: JsonSchema, schema: JsonSchema): JsonSchema {
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
  return { if: condition, then: schema };
}
