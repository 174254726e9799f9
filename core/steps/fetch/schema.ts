import { z } from 'zod';
import { alias, reference } from '../../pipeline/schema.js';
import { cacheSpec } from '../cache/schema.js';
import { milliseconds } from '../../config/duration.js';

const policy = z.enum(['default', 'null', 'skip', 'fail']);

export const fetchSchema = z.strictObject({
  fetch: z.string().describe('a view or a feature-source part'),
  as: alias,
  key: z
    .record(z.string(), reference)
    .default({})
    .describe('column per key; default: the field of the same name'),
  cache: cacheSpec.optional(),
  onMissing: policy.default('default').describe('what to use where there is no value, or only a stale one'),
  onFailure: policy.default('default').describe('the same, for an outage'),
  budgetMs: milliseconds()
    .optional()
    .describe('give up after this long; default: four fifths of the deadline'),
});

export type FetchSpec = z.output<typeof fetchSchema>;
export type Policy = z.output<typeof policy>;
