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

/** What a log keeps of the requests that a pipeline answers. */
export const servedSpec = z.strictObject({
  in: z.string().describe('the served-log part'),
  share: z
    .number()
    .positive()
    .max(1)
    .default(1)
    .describe('the share of requests that are kept, chosen by a hash; default 1, all of them'),
  by: reference
    .optional()
    .describe(
      'field of the request whose values are kept or left out together, such as `request.user`; default: the id of the request',
    ),
  objects: z
    .strictObject({
      top: z.int().min(0).default(0).describe('the first objects of the answer; default 0'),
      sample: z.int().min(0).default(0).describe('so many of the others, chosen by a hash; default 0'),
    })
    .refine(({ top, sample }) => top + sample > 0, { message: 'keeps no object: give `top` or `sample`' })
    .optional()
    .describe('which objects of a request are kept; default: all'),
});

export const recordSpec = z
  .union([
    z.literal(false, 'must be `false`, or a block such as { metrics: true }'),
    z.strictObject({
      metrics: z.boolean().default(true).describe('metrics of requests and steps'),
      served: servedSpec.optional().describe('keeps requests and their answers in a log; default: none'),
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
    'metrics of requests and steps, and the log of what was served; `false` turns both off, except what features and caches count themselves; default: metrics',
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
export type ServedSpec = z.output<typeof servedSpec>;
export type RecordSpec = z.output<typeof recordSpec>;
