import { z } from 'zod';
import { columnName, typeName } from '../views/schema.js';
import { referencePattern, wrongReference } from './reference.js';
import { milliseconds } from '../config/duration.js';

/** A column as steps and answers name it. */
export const reference = z.string().regex(referencePattern, { error: ({ input }) => wrongReference(input) });

/** The alias of a step, where it has one of its own. */
export const alias = columnName.optional().describe('alias of its columns; default: its name');

export const fieldSpec = z.union([
  typeName,
  z.strictObject({
    type: typeName,
    optional: z.boolean().default(false).describe('may be left out or null'),
    description: z.string().optional(),
    unit: z.string().optional(),
    maxLength: z
      .int()
      .positive()
      .optional()
      .describe(
        'the most UTF-16 units of a text, elements of lists included; default 1024 where the field is a key or in `cache.by`, else 65536',
      ),
  }),
]);

export const recordSpec = z
  .union([
    z.literal(false, 'must be `false`, or a block such as { metrics: true }'),
    z.strictObject({
      metrics: z.boolean().default(true).describe('metrics of requests and steps'),
    }),
  ])
  .default({ metrics: true });

export const pipelineSchema = z.strictObject({
  description: z.string().optional(),
  request: z.record(columnName, fieldSpec).default({}).describe('fields of a request'),
  time: reference.optional().describe('column of the request time; default: arrival at the server'),
  objects: z
    .strictObject({
      fields: z.record(columnName, fieldSpec),
      max: z.int().positive().default(1000).describe('the most objects that one request may have'),
    })
    .optional(),
  deadlineMs: milliseconds().default(1000).describe('how long a request may take, milliseconds'),
  record: recordSpec.describe(
    'metrics of requests and steps; `false` turns them off, except those that features and caches count themselves; default: on',
  ),
  explain: z.boolean().default(true).describe('whether a request may ask which values its answer came from'),
  steps: z.array(z.record(z.string(), z.unknown())),
  response: z.strictObject({
    outputs: z.record(columnName, reference),
    orderBy: reference
      .optional()
      .describe('what to sort objects by: an output, a field or a column; `probabilities[1]` is an element'),
    descending: z.boolean().default(false),
    limit: z.int().positive().optional().describe('answer only this many objects, from the first'),
  }),
});

export type FieldInput = z.input<typeof fieldSpec>;
export type PipelineSpec = z.output<typeof pipelineSchema>;
export type RecordSpec = z.output<typeof recordSpec>;
