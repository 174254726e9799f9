import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  abortError,
  carriedFields,
  untilAborted,
  VivaceError,
  type CallContext,
  type DescribedColumn,
  type Field,
  type PartContext,
  type PartLifecycle,
  type RowBatch,
  type Source,
  type Statement,
  type TableRows,
  type TemporaryTable,
  type WantedColumn,
  type Warehouse,
} from 'vivace';
import { makeDirectory, temporaryTable } from 'vivace/kit';
import type { BigqueryOptions } from './bigquery.js';
import { Connection } from './connection.js';
import { bigqueryDialect, tableName } from './dialect.js';
import { bigqueryErrorCode, isDuplicate, unlessGone } from './errors.js';
import { datasetReference } from './job-configuration.js';
import { Jobs } from './jobs.js';
import { KeptDays } from './kept-days.js';
import { describedColumns, rowReader } from './read-rows.js';
import type { DatasetReference, TableReference } from './rest-types.js';
import { csvLines } from './write-csv.js';
import { avroFile, multipart, tableSchema } from './write-rows.js';

/** A `Warehouse` over BigQuery's REST API. */
export class BigqueryWarehouse implements Warehouse, PartLifecycle {
  readonly dialect = bigqueryDialect;
  readonly errorCode = bigqueryErrorCode;
  readonly #options: BigqueryOptions;
  readonly #context: PartContext;
  readonly #connection: Connection;
  readonly #jobs: Jobs;
  readonly #kept: KeptDays | undefined;
  readonly keepDays?: NonNullable<Warehouse['keepDays']>;
  readonly keptDays?: NonNullable<Warehouse['keptDays']>;

  constructor(options: BigqueryOptions, context: PartContext) {
    this.#options = options;
    this.#context = context;
    this.#connection = new Connection(options, context.directory);
    this.#jobs = new Jobs(this.#connection, options, context);
    const { tiles } = options;
    if (tiles === undefined) return;
    const kept = new KeptDays(tiles, {
      connection: this.#connection,
      jobs: this.#jobs,
      keep: (statement, call) => this.keep(statement, call),
    });
    this.#kept = kept;
    this.keepDays = (name, rows, call) => kept.replace(name, rows, call);
    this.keptDays = (name, days, call) => kept.from(name, days, call);
  }

  /** Checks, with a job that costs nothing, whether jobs may be made, and finds out where the datasets are that it writes to. */
  async start(context: CallContext): Promise<void> {
    try {
      await this.#connection.open(context.signal);
      await this.#jobs.dryRun({ sql: 'SELECT 1' }, context);
      const dataset = this.#temporaryDataset();
      if (dataset !== undefined) {
        const { location } = await this.#connection.call<{ location?: string }>(
          { path: `datasets/${encodeURIComponent(dataset.datasetId)}`, project: dataset.projectId },
          context.signal,
        );
        this.#jobs.location ??= location;
      }
      await this.#kept?.start(context);
    } catch (error) {
      this.#connection.close();
      throw error;
    }
  }

  stop(): void {
    this.#connection.close();
  }

  async describe(statement: Statement, context: CallContext): Promise<readonly DescribedColumn[]> {
    return describedColumns((await this.#jobs.dryRun(statement, context)).schema);
  }

  /** A dry run of the whole table, which costs nothing. Every table has types of its own, so nothing is guessed. */
  async source(reference: string, _: readonly WantedColumn[], context: CallContext): Promise<Source> {
    const from = this.dialect.table(reference);
    return { from, columns: await this.describe({ sql: `SELECT * FROM ${from}` }, context) };
  }

  async estimate(statement: Statement, context: CallContext): Promise<{ readonly bytes: number }> {
    const { bytes } = await this.#jobs.dryRun(statement, context);
    return { bytes };
  }

  async *query(statement: Statement, context: CallContext): AsyncGenerator<RowBatch> {
    let read: ReturnType<typeof rowReader> | undefined;
    for await (const { schema, rows } of this.#jobs.pages(statement, context)) {
      read ??= rowReader(schema, statement.fields);
      yield read(rows);
    }
  }

  async keep({ sql, parameters }: Statement, context: CallContext): Promise<TemporaryTable> {
    return this.#temporaryTable(context, async (table) => {
      // The expiration is there from the first moment, whatever happens next.
      const expires = `TIMESTAMP_MILLIS(${Date.now() + this.#options.temporaryTtlMs})`;
      const create = `CREATE TABLE ${tableName(table)} OPTIONS (expiration_timestamp = ${expires}) AS ${sql}`;
      await this.#jobs.run({ sql: create, ...(parameters === undefined ? {} : { parameters }) }, context);
    });
  }

  async load({ fields, batches }: TableRows, context: CallContext): Promise<TemporaryTable> {
    return this.#temporaryTable(context, async (table) => {
      await this.#create(table, fields, context);
      let given = 0;
      // What the rows' source throws is its own error, not one of the upload.
      let failure: { readonly error: unknown } | undefined;
      async function* counted(): AsyncGenerator<RowBatch> {
        try {
          for await (const batch of batches) {
            given += batch.rows;
            yield batch;
          }
        } catch (error) {
          failure = { error };
          throw error;
        }
      }
      const pieces = avroFile(fields, counted());
      const first = await pieces.next();
      // Nothing to load, and a load job takes seconds.
      if (first.done === true) return;
      async function* file(): AsyncGenerator<Buffer> {
        yield first.value as Buffer;
        yield* pieces;
      }
      try {
        const loaded = await this.#jobs.load(table, file(), { toBody: multipart, context });
        if (!Number.isNaN(loaded) && loaded !== given)
          throw new VivaceError('DATA_LOSS', `${loaded} rows of ${given} were loaded`);
      } catch (error) {
        throw failure === undefined ? error : failure.error;
      }
    });
  }

  async export(source: Statement | TableRows, path: string, context: CallContext): Promise<void> {
    if (!/\.csv$/i.test(path)) {
      throw /\.parquet$/i.test(path)
        ? new VivaceError(
            'UNIMPLEMENTED',
            'BigQuery does not write local .parquet files: write .csv, or name a warehouse that can (use: duckdb) in the slot `files` of the offline store',
          )
        : new VivaceError('INVALID_ARGUMENT', `"${path}" is neither a .parquet nor a .csv file`);
    }
    const file = resolve(this.#context.directory, path);
    const unfinished = `${file}.unfinished`;
    await makeDirectory(dirname(file));
    const lines =
      'batches' in source
        ? csvLines(source.batches, source.fields)
        : csvLines(this.query(source, context), carriedFields(await this.describe(source, context)));
    try {
      await pipeline(Readable.from(lines), createWriteStream(unfinished), { signal: context.signal });
      await rename(unfinished, file);
    } catch (error) {
      await rm(unfinished, { force: true });
      throw context.signal.aborted ? abortError(context.signal) : error;
    }
  }

  async #create(table: TableReference, fields: readonly Field[], { signal }: CallContext): Promise<void> {
    const { projectId, datasetId } = table;
    const body = {
      tableReference: table,
      schema: tableSchema(fields),
      expirationTime: String(Date.now() + this.#options.temporaryTtlMs),
    };
    try {
      await this.#connection.call(
        {
          method: 'POST',
          path: `datasets/${encodeURIComponent(datasetId)}/tables`,
          project: projectId,
          body,
          idempotent: true,
        },
        signal,
      );
    } catch (error) {
      // The name is random: an earlier attempt had arrived, though its answer had not.
      if (!isDuplicate(error)) throw error;
    }
  }

  async #temporaryTable(
    { signal }: CallContext,
    create: (table: TableReference) => Promise<void>,
  ): Promise<TemporaryTable> {
    const dataset = this.#temporaryDataset();
    if (dataset === undefined) {
      throw new VivaceError(
        'FAILED_PRECONDITION',
        'a dataset for temporary tables is needed: set `temporaryDataset` or `dataset`',
      );
    }
    const table = { ...dataset, tableId: `vivace_${randomUUID().replaceAll('-', '')}` };
    return temporaryTable(tableName(table), {
      create: () => create(table),
      drop: async () => {
        const dropped = this.#context.cleanUp(`table ${table.tableId}`, (call) => this.#drop(table, call));
        // A caller that has given up waits no longer; the table would also go by itself.
        if (!signal.aborted) await untilAborted(dropped, signal).catch(() => undefined);
      },
      signal,
    });
  }

  async #drop({ projectId, datasetId, tableId }: TableReference, { signal }: CallContext): Promise<void> {
    const path = `datasets/${encodeURIComponent(datasetId)}/tables/${tableId}`;
    await unlessGone(this.#connection.call({ method: 'DELETE', path, project: projectId }, signal));
  }

  #temporaryDataset(): DatasetReference | undefined {
    const { temporaryDataset = this.#options.dataset } = this.#options;
    return temporaryDataset === undefined
      ? undefined
      : datasetReference(temporaryDataset, this.#connection.project);
  }
}
