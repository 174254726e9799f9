import { z } from 'zod';
import { alias, reference } from '../../pipeline/schema.js';
import { cacheSpec } from '../cache/schema.js';

export const predictSchema = z.strictObject({
  predict: z.string().describe('a predictor part'),
  as: alias,
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

export type PredictSpec = z.output<typeof predictSchema>;
