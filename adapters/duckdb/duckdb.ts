import type { DuckDBInstance } from '@duckdb/node-api';
import { defineAdapter, warehouse } from 'vivace';
import { z } from 'zod';
import { DuckdbWarehouse } from './duckdb-warehouse.js';

/** The options of the `duckdb` adapter. */
export const duckdbOptions = z.strictObject({
  path: z.string().min(1).optional().describe('database file; default: in memory'),
  readOnly: z.boolean().default(false).describe('opens `path` without the right to change it; default false'),
  directory: z
    .string()
    .min(1)
    .optional()
    .describe('where relative files in tables and exports are; default: that of the configuration'),
  tiles: z
    .string()
    .min(1)
    .optional()
    .describe(
      'directory where materialization keeps what it has folded, for the runs after it; default: nothing is kept',
    ),
  threads: z
    .int()
    .min(0)
    .max(1024)
    .default(0)
    .describe('0 = as many as the CPU limit of the container; default 0'),
  memoryLimitBytes: z
    .int()
    .min(16_000_000)
    .optional()
    .describe('most memory to use; beyond it, work goes to disk or fails; default: 80 % of the memory'),
  temporaryDirectory: z
    .string()
    .min(1)
    .optional()
    .describe('where to put work that does not fit in memory; default: beside `path`'),
  client: z
    .custom<DuckDBInstance>((value) => typeof value === 'object' && value !== null && 'connect' in value)
    .optional()
    .describe(
      'an open DuckDBInstance, from code only; it is not closed, and the options above except `directory` and `tiles` have no effect',
    ),
});

export type DuckdbOptions = z.output<typeof duckdbOptions>;

/** DuckDB, embedded: SQL over Parquet, CSV and JSON files and over its own tables. */
export const duckdb = defineAdapter({
  provides: warehouse,
  name: 'duckdb',
  system: { database: 'duckdb', embedded: true },
  sdk: {
    '@duckdb/node-api': {
      min: '1.5.5',
      because: 'with two threads its as-of join never ends',
      tag: 'latest',
    },
  },
  options: duckdbOptions,
  create: (options, _, context) => new DuckdbWarehouse(options, context),
});
