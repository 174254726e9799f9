import type { BigQuery } from '@google-cloud/bigquery';
import { defineAdapter, longMilliseconds, millisPerDay, warehouse } from 'vivace';
import { googleFiles, tlsFiles } from 'vivace/kit';
import { z } from 'zod';
import { BigqueryWarehouse } from './bigquery-warehouse.js';

/** The options of the `bigquery` adapter. */
export const bigqueryOptions = z.strictObject({
  projectId: z
    .string()
    .min(1)
    .optional()
    .describe('the project that runs and pays for the jobs; default: that of the credentials'),
  dataset: z
    .string()
    .min(1)
    .optional()
    .describe('dataset of tables that are named without one: `dataset` or `project.dataset`'),
  temporaryDataset: z
    .string()
    .min(1)
    .optional()
    .describe('where temporary tables are made: `dataset` or `project.dataset`; default: `dataset`'),
  tiles: z
    .string()
    .min(1)
    .optional()
    .describe(
      'dataset where materialization keeps what it has folded, for the runs after it: `dataset` or `project.dataset`, which the first of them makes where it is not there; default: nothing is kept',
    ),
  temporaryTtlMs: longMilliseconds({ min: 60_000 })
    .default(millisPerDay)
    .describe(
      'how long a temporary table stays that a crash has left behind, milliseconds; default 86,400,000, a day',
    ),
  location: z
    .string()
    .min(1)
    .optional()
    .describe(
      'where jobs run, such as `EU` or `europe-west1`; default: where `temporaryDataset` is, or the tables',
    ),
  maximumBytesBilled: z
    .int()
    .min(1)
    .optional()
    .describe(
      'most bytes that one query may read; a query that would read more is refused before it costs anything; default: no limit',
    ),
  labels: z
    .record(z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/), z.string().regex(/^[a-z0-9_-]{0,63}$/))
    .default({})
    .describe('labels of every job, which the billing export lists; default: none'),
  ...googleFiles,
  anonymous: z.boolean().default(false).describe('sends no credentials, for emulators; default false'),
  endpoint: z
    .string()
    .min(1)
    .optional()
    .describe(
      'where the API is, for emulators and private endpoints; default https://bigquery.googleapis.com',
    ),
  caFile: tlsFiles.caFile,
  client: z
    .custom<BigQuery>((value) => typeof value === 'object' && value !== null && 'authClient' in value)
    .optional()
    .describe(
      'a BigQuery of the SDK, from code only; `credentialsFile`, `anonymous` and `endpoint` then have no effect',
    ),
});

export type BigqueryOptions = z.output<typeof bigqueryOptions>;

/** Google BigQuery: SQL over its tables, at scale. */
export const bigquery = defineAdapter({
  provides: warehouse,
  name: 'bigquery',
  system: { database: 'gcp.bigquery' },
  sdk: { '@google-cloud/bigquery': { min: '8.3.1' } },
  options: bigqueryOptions,
  create: (options, _, context) => new BigqueryWarehouse(options, context),
});
