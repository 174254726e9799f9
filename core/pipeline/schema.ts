import { z } from 'zod';
import { columnName, typeName } from '../views/schema.js';

const reference = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$/,
    'a column: `request.field`, `object.field`, `alias.feature` or `time`',
  );

export const fieldSpec = z.union([
  typeName,
  z.strictObject({
    type: typeName,
    optional: z.boolean().default(false).describe('may be left out or null'),
    description: z.string().optional(),
    unit: z.string().optional(),
  }),
]);

const policy = z.enum(['default', 'null', 'skip', 'fail']);

export const cacheSpec = z.strictObject({
  in: z.string().describe('a cache part'),
  ttlMs: z.number().positive().describe('time to live, milliseconds'),
});

export const fetchStep = z.strictObject({
  fetch: z.string().describe('a view or a feature-source part'),
  as: columnName.optional().describe('alias of its columns; default: its name'),
  key: z
    .record(z.string(), reference)
    .default({})
    .describe('column per key; default: the field of the same name'),
  cache: cacheSpec.optional(),
  onMissing: policy
    .default('default')
    .describe('what stands in where there is no value, or only a stale one'),
  onFailure: policy.default('default').describe('the same, for an outage'),
  budgetMs: z
    .number()
    .positive()
    .optional()
    .describe('give up after this long; default: four fifths of the deadline'),
});

export const transformStep = z.strictObject({
  transform: z.string().describe('a transform part'),
  as: columnName.optional(),
  inputs: z.record(z.string(), reference).default({}).describe("column per input; default: the input's own"),
});

export const predictStep = z.strictObject({
  predict: z.string().describe('a predictor part'),
  as: columnName.optional(),
  inputs: z
    .record(z.string(), z.array(reference).min(1))
    .default({})
    .describe("ordered columns per tensor; default: those of the model's signature"),
  cache: cacheSpec
    .extend({
      by: z.array(reference).min(1).optional().describe('columns that tell rows apart; default: all inputs'),
    })
    .optional(),
});

export const recordStep = z.strictObject({
  record: z.strictObject({}).nullable().describe('record metrics of requests and steps'),
});

/** A custom step; its own options stand beside these keys and are checked by its own schema. */
export const customStep = z.looseObject({
  step: z
    .unknown()
    .describe('a step: in YAML a `.js` file or package, in code what defineStep returned or a class'),
  as: columnName.optional(),
  inputs: z.record(z.string(), reference).default({}),
});

export const stepSchemas = {
  fetch: fetchStep,
  transform: transformStep,
  predict: predictStep,
  record: recordStep,
  step: customStep,
};

export const pipelineSchema = z.strictObject({
  description: z.string().optional(),
  request: z.record(columnName, fieldSpec).default({}).describe('fields of a request'),
  time: reference.optional().describe('column of the request time; default: arrival at the server'),
  objects: z
    .strictObject({
      fields: z.record(columnName, fieldSpec),
      max: z.int().positive().default(1000).describe('the most objects of one request'),
    })
    .optional(),
  deadlineMs: z.number().positive().default(1000).describe('a request takes no longer, milliseconds'),
  steps: z.array(z.record(z.string(), z.unknown())).min(1),
  response: z.strictObject({
    outputs: z.record(columnName, reference),
    orderBy: columnName.optional().describe('an output or field to sort objects by'),
    descending: z.boolean().default(false),
    limit: z.int().positive().optional().describe('answer the first so many objects'),
  }),
});

export type FieldInput = z.input<typeof fieldSpec>;
export type PipelineSpec = z.output<typeof pipelineSchema>;
export type FetchSpec = z.output<typeof fetchStep>;
export type TransformSpec = z.output<typeof transformStep>;
export type PredictSpec = z.output<typeof predictStep>;
export type CustomSpec = z.output<typeof customStep>;
export type Policy = z.output<typeof policy>;
