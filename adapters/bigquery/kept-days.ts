import {
  amongDays,
  isVivaceError,
  VivaceError,
  type CallContext,
  type DaysOfRows,
  type Warehouse,
} from 'vivace';
import { keptSetName } from 'vivace/kit';
import type { Connection } from './connection.js';
import { bigqueryDialect, tableName } from './dialect.js';
import { isDuplicate } from './errors.js';
import { datasetReference } from './job-configuration.js';
import type { Jobs } from './jobs.js';
import { describedColumns } from './read-rows.js';
import type { DatasetReference, TableReference } from './rest-types.js';

/** Days of one partition: of these a table may have 10,000, which then reach from 1970 to 2079. What lies outside shares one more. */
const partitionDays = 4;
const partitions = 10_000;

/** Days that one statement replaces: it may change 4,000 partitions. @see https://cloud.google.com/bigquery/quotas#partitioned_tables */
const statementDays = 3000;

/**
 * Sets of rows by day, each a table that is partitioned by the day. Days are replaced by a MERGE that matches no row, which deletes the old
 * ones and inserts the new ones at once.
 *
 * @see https://cloud.google.com/bigquery/docs/reference/standard-sql/dml-syntax#merge_statement
 */
export class KeptDays {
  readonly #tiles: string;
  readonly #connection: Connection;
  readonly #jobs: Jobs;
  readonly #keep: Warehouse['keep'];
  #isThere = false;

  constructor(
    tiles: string,
    over: { readonly connection: Connection; readonly jobs: Jobs; readonly keep: Warehouse['keep'] },
  ) {
    this.#tiles = tiles;
    this.#connection = over.connection;
    this.#jobs = over.jobs;
    this.#keep = over.keep;
  }

  /** Looks the dataset up; one that is not there is made by the first call that keeps days. */
  async start(context: CallContext): Promise<void> {
    const location = await this.#locationOf(this.#dataset, context);
    this.#isThere = location !== undefined;
    this.#jobs.location ??= location;
    const { location: used = '' } = this.#jobs;
    if (location !== undefined && location.toLowerCase() !== used.toLowerCase())
      throw new VivaceError(
        'FAILED_PRECONDITION',
        `the dataset "${this.#tiles}" of \`tiles\` is in ${location}, and jobs run in ${used}: name one that is there`,
      );
  }

  /** What stands after FROM; `undefined` where the set has no table. */
  async from(
    name: string,
    { first = -Infinity, last = Infinity }: { readonly first?: number; readonly last?: number },
    context: CallContext,
  ): Promise<string | undefined> {
    const table = this.#tableOf(name);
    if (!(await this.#hasTable(table, context))) return undefined;
    const bounds = [
      ...(Number.isFinite(first) ? [`kept_day >= ${first}`] : []),
      ...(Number.isFinite(last) ? [`kept_day <= ${last}`] : []),
    ];
    return `(SELECT * FROM ${tableName(table)}${bounds.length === 0 ? '' : ` WHERE ${bounds.join(' AND ')}`})`;
  }

  /** Replaces the rows of days by those of a query. */
  async replace(name: string, { days, statement }: DaysOfRows, context: CallContext): Promise<void> {
    const table = this.#tableOf(name);
    const { schema } = await this.#jobs.dryRun(statement, context);
    const columns = describedColumns(schema).map((column) => bigqueryDialect.identifier(column.name));
    await this.#makeDataset(context);
    if (!(await this.#hasTable(table, context))) {
      const sql = `CREATE TABLE IF NOT EXISTS ${tableName(table)}
PARTITION BY RANGE_BUCKET(kept_day, GENERATE_ARRAY(0, ${partitions * partitionDays}, ${partitionDays}))
OPTIONS (description = 'Days of rows that Vivace has folded: it makes anew what is missing')
AS SELECT * FROM (${statement.sql}\n) AS r WHERE FALSE`;
      await this.#jobs.run({ ...statement, sql }, context).catch(async (error: unknown) => {
        // Another run may have made it meanwhile.
        if (context.signal.aborted || !(await this.#hasTable(table, context))) throw error;
      });
    }
    const sorted = [...days].sort((a, b) => a - b);
    if (sorted.length <= statementDays)
      return this.#merge(table, { days: sorted, statement, columns }, context);
    // Read once, however many statements there are.
    await using kept = await this.#keep(statement, context);
    const rows = { sql: `SELECT * FROM ${kept.name}` };
    for (let i = 0; i < sorted.length; i += statementDays)
      await this.#merge(
        table,
        { days: sorted.slice(i, i + statementDays), statement: rows, columns },
        context,
      );
  }

  async #merge(
    table: TableReference,
    { days, statement, columns }: DaysOfRows & { readonly columns: readonly string[] },
    context: CallContext,
  ): Promise<void> {
    if (days.length === 0) return;
    const sql = `MERGE ${tableName(table)} AS t
USING (SELECT * FROM (${statement.sql}\n) AS r WHERE ${amongDays('kept_day', days)}) AS s ON FALSE
WHEN NOT MATCHED BY SOURCE AND ${amongDays('t.kept_day', days)} THEN DELETE
WHEN NOT MATCHED BY TARGET THEN INSERT (${columns.join(', ')}) VALUES (${columns.map((column) => `s.${column}`).join(', ')})`;
    await this.#jobs.run({ ...statement, sql }, context);
  }

  async #makeDataset(context: CallContext): Promise<void> {
    if (this.#isThere) return;
    const dataset = this.#dataset;
    const { location } = this.#jobs;
    try {
      await this.#connection.call(
        {
          method: 'POST',
          path: 'datasets',
          project: dataset.projectId,
          body: { datasetReference: dataset, ...(location === undefined ? {} : { location }) },
          idempotent: true,
        },
        context.signal,
      );
    } catch (error) {
      if (isVivaceError(error) && error.code === 'PERMISSION_DENIED')
        throw new VivaceError(
          'PERMISSION_DENIED',
          `the dataset "${this.#tiles}" of \`tiles\` is not there, and the service account may not make it: make it${location === undefined ? '' : ` in ${location}`}, and grant roles/bigquery.dataEditor on it, or grant roles/bigquery.user on ${dataset.projectId} (${error.message})`,
          { cause: error },
        );
      if (!isDuplicate(error)) throw error;
    }
    this.#isThere = true;
  }

  async #locationOf(
    { projectId, datasetId }: DatasetReference,
    { signal }: CallContext,
  ): Promise<string | undefined> {
    const path = `datasets/${encodeURIComponent(datasetId)}`;
    const found = await unlessMissing(
      this.#connection.call<{ location?: string }>({ path, project: projectId }, signal),
    );
    return found?.location;
  }

  async #hasTable(
    { projectId, datasetId, tableId }: TableReference,
    { signal }: CallContext,
  ): Promise<boolean> {
    const path = `datasets/${encodeURIComponent(datasetId)}/tables/${encodeURIComponent(tableId)}`;
    const call = this.#connection.call<object>({ path, project: projectId, query: { fields: 'id' } }, signal);
    return (await unlessMissing(call)) !== undefined;
  }

  #tableOf(name: string): TableReference {
    return { ...this.#dataset, tableId: `vivace_tiles_${keptSetName(name)}` };
  }

  get #dataset(): DatasetReference {
    return datasetReference(this.#tiles, this.#connection.project);
  }
}

/** Waits for a look-up; `undefined` where there is nothing. */
async function unlessMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isVivaceError(error) && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}
