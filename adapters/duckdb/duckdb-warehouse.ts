import type { DuckDBConnection, DuckDBDataChunk, DuckDBInstance, DuckDBResult } from '@duckdb/node-api';
import { randomUUID } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import {
  abortError,
  carriedFields,
  isVivaceError,
  VivaceError,
  type CallContext,
  type DaysOfRows,
  type DescribedColumn,
  type ErrorCode,
  type FileFormat,
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
import { loadSdk, makeDirectory, startTimer, systemErrorCode, temporaryTable, threadsOf } from 'vivace/kit';
import { CompressedFiles } from './compressed-files.js';
import { duckdbDialect, text } from './dialect.js';
import type { DuckdbOptions } from './duckdb.js';
import { duckdbErrorCode, plainError } from './errors.js';
import { GivenRows } from './given-rows.js';
import type { Sdk } from './column-writer.js';
import { notParquet, ParquetFile, parquetOf, parquetQuery } from './parquet-bytes.js';
import { columnsAs, KeptDays } from './kept-days.js';
import { columnReader, describedColumns } from './read-columns.js';
import { fileSource, isFile } from './read-files.js';
import { mayBeRenamed, repeatedName } from './repeated-names.js';

/** Rows that `load` hands to a table at once, or a batch where that has more. */
const rowsAtOnce = 65_536;

/** Rows of a batch that `query` gives: the engine's chunks of 2,048, joined. */
const batchRows = 16_384;

/** DuckDB forgets an interrupt that comes while it prepares a query: a query is interrupted again after so long, until it has ended. */
const interruptEveryMs = 20;

/** A `Warehouse` over DuckDB in this process. Every operation has a connection of its own, so that they run side by side. */
export class DuckdbWarehouse implements Warehouse, PartLifecycle {
  readonly dialect = duckdbDialect;
  readonly errorCode = (error: unknown): ErrorCode | undefined =>
    duckdbErrorCode(error) ?? systemErrorCode(error);
  readonly supports: { readonly exclusive?: string };
  readonly keepDays?: NonNullable<Warehouse['keepDays']>;
  readonly keptDays?: NonNullable<Warehouse['keptDays']>;
  readonly #options: DuckdbOptions;
  readonly #context: PartContext;
  readonly #directory: string;
  /** Temporary tables live in a database in memory beside the user's: DuckDB's own are seen by one connection only. */
  readonly #temporary = `vivace_${randomUUID().replaceAll('-', '')}`;
  readonly #compressed = new CompressedFiles();
  #given: GivenRows | undefined;
  #instance: DuckDBInstance | undefined;
  #tables = 0;
  #stopped = false;

  constructor(options: DuckdbOptions, context: PartContext) {
    this.#options = options;
    this.#context = context;
    this.#directory = resolve(context.directory, options.directory ?? '.');
    const { path, client } = options;
    // DuckDB's lock on a file keeps out other processes only.
    this.supports =
      path === undefined || client !== undefined
        ? {}
        : { exclusive: `duckdb ${resolve(this.#directory, path)}` };
    if (options.tiles === undefined) return;
    const kept = new KeptDays(resolve(context.directory, options.tiles), context.log);
    this.keepDays = (name, rows, call) => this.#keepDays(kept, { name, ...rows }, call);
    this.keptDays = (name, days, call) => kept.from(name, days, (sql) => this.describe({ sql }, call));
  }

  async start(context: CallContext): Promise<void> {
    const { path, readOnly, threads, memoryLimitBytes, temporaryDirectory, client } = this.#options;
    const sdk: Sdk = await loadSdk('@duckdb/node-api', () => import('@duckdb/node-api'));
    if (client === undefined) {
      const file = path === undefined ? undefined : resolve(this.#directory, path);
      if (file !== undefined && !readOnly) await makeDirectory(dirname(file));
      this.#instance = await sdk.DuckDBInstance.create(file ?? ':memory:', {
        ...(readOnly ? { access_mode: 'READ_ONLY' } : {}),
        threads: String(threadsOf(threads)),
        ...(memoryLimitBytes === undefined ? {} : { memory_limit: `${memoryLimitBytes}B` }),
        ...(temporaryDirectory === undefined
          ? {}
          : { temp_directory: resolve(this.#directory, temporaryDirectory) }),
      });
    } else {
      this.#instance = client;
    }
    await this.#connected(context, async (connection) => {
      if (client === undefined) await connection.run(settingsOf('GLOBAL'));
      await connection.run(`ATTACH ':memory:' AS ${this.#temporary} (READ_WRITE)`);
      this.#given = GivenRows.of(this.#instance as DuckDBInstance, { sdk, connection });
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#instance === undefined) return;
    const connection = await this.#instance.connect();
    await connection.run(`DETACH DATABASE IF EXISTS ${this.#temporary}`);
    connection.disconnectSync();
    if (this.#options.client === undefined) this.#instance.closeSync();
  }

  async describe(statement: Statement, context: CallContext): Promise<readonly DescribedColumn[]> {
    return this.#connected(context, (connection) => describe(connection, statement));
  }

  async source(reference: string, wanted: readonly WantedColumn[], context: CallContext): Promise<Source> {
    return this.#connected(context, async (connection) => {
      if (!isFile(reference)) {
        const from = this.dialect.table(reference);
        return { from, columns: await describe(connection, { sql: `SELECT * FROM ${from}` }) };
      }
      return fileSource(reference, wanted, {
        directory: this.#directory,
        rows: async (sql) => (await connection.runAndReadAll(sql)).getRows(),
        describe: (sql) => describe(connection, { sql }),
        whole: (path, name) => this.#compressed.check(path, name, context.signal),
      });
    });
  }

  async *query(statement: Statement, context: CallContext): AsyncGenerator<RowBatch> {
    const { connection, release } = await this.#connect(context);
    try {
      yield* batchesOf(connection, statement, context.signal);
    } catch (error) {
      throw context.signal.aborted ? abortError(context.signal) : plainError(error);
    } finally {
      connection.interrupt();
      release();
    }
  }

  async keep({ sql, parameters }: Statement, context: CallContext): Promise<TemporaryTable> {
    return this.#temporaryTable(context, async (connection, { name }) => {
      await connection.run(`CREATE TABLE ${name} AS ${sql}`, parameters ?? {});
    });
  }

  async #keepDays(
    kept: KeptDays,
    { name, days, statement: { sql, parameters } }: DaysOfRows & { readonly name: string },
    context: CallContext,
  ): Promise<void> {
    const given = parameters === undefined ? {} : { parameters };
    const rows = columnsAs(await this.describe({ sql, ...given }, context), (type) =>
      type.replace(/U?HUGEINT/, 'DECIMAL(38,0)'),
    );
    await using table = await this.keep({ sql: `SELECT ${rows} FROM (${sql}\n) AS r`, ...given }, context);
    await kept.replace(name, { days, table: table.name }, (sorted, path) =>
      this.#connected(context, async (connection) => {
        await connection.run(`COPY (${sorted}) TO ${text(path)} (FORMAT parquet, COMPRESSION zstd)`);
      }),
    );
  }

  async load({ fields, batches }: TableRows, context: CallContext): Promise<TemporaryTable> {
    const columns = fields.map(
      (field) => `${this.dialect.identifier(field.name)} ${this.dialect.type(field.type)}`,
    );
    return this.#temporaryTable(context, async (connection, { name }) => {
      await connection.run(`CREATE TABLE ${name} (${columns.join(', ')})`);
      // The next rows are made while those before are loaded.
      let loaded: Promise<void> = Promise.resolve();
      try {
        for await (const some of inPortions(batches, rowsAtOnce)) {
          await loaded;
          if (context.signal.aborted) throw abortError(context.signal);
          loaded = this.#givenRows.run(
            connection,
            { fields, batches: some },
            (select) => `INSERT INTO ${name} ${select}`,
          );
        }
      } finally {
        // A connection is closed only once nothing runs on it.
        await loaded;
      }
    });
  }

  async export(source: Statement | TableRows, path: string, context: CallContext): Promise<void> {
    if ('batches' in source) {
      await using table = await this.load(source, context);
      return await this.export({ sql: `SELECT * FROM ${table.name}` }, path, context);
    }
    const { sql, parameters } = source;
    const format = /\.(parquet|csv)$/i.exec(path)?.[1]?.toLowerCase();
    if (format === undefined)
      throw new VivaceError('INVALID_ARGUMENT', `"${path}" is neither a .parquet nor a .csv file`);
    const file = resolve(this.#directory, path);
    await makeDirectory(dirname(file));
    const options = format === 'csv' ? 'FORMAT csv, HEADER' : 'FORMAT parquet, COMPRESSION zstd';
    await this.#connected(context, (connection) =>
      connection.run(`COPY (${sql}\n) TO ${text(file)} (${options})`, parameters ?? {}),
    );
  }

  async encode({ fields, batches }: TableRows, _: FileFormat, context: CallContext): Promise<Uint8Array> {
    const all: RowBatch[] = [];
    for await (const batch of batches) {
      if (context.signal.aborted) throw abortError(context.signal);
      all.push(batch);
    }
    return await this.#connected(context, (connection) =>
      parquetOf((copy) => this.#givenRows.run(connection, { fields, batches: all }, copy)),
    );
  }

  async *decode(
    content: Uint8Array,
    _: FileFormat,
    context: CallContext,
    columns?: readonly string[],
  ): AsyncGenerator<RowBatch> {
    const { connection, release } = await this.#connect(context);
    const file = new ParquetFile();
    try {
      await file.write(content, context);
      const sql = await parquetQuery(connection, file.path, columns);
      yield* batchesOf(connection, { sql }, context.signal);
    } catch (error) {
      if (context.signal.aborted) throw abortError(context.signal);
      throw isVivaceError(error) ? error : notParquet(plainError(error));
    } finally {
      connection.interrupt();
      release();
      await file.remove();
    }
  }

  get #givenRows(): GivenRows {
    return this.#given as GivenRows;
  }

  async #temporaryTable(
    context: CallContext,
    fill: (
      connection: DuckDBConnection,
      table: { readonly name: string; readonly bare: string },
    ) => Promise<void>,
  ): Promise<TemporaryTable> {
    const bare = `t${this.#tables++}`;
    const name = `${this.#temporary}.main.${bare}`;
    return temporaryTable(name, {
      create: () => this.#connected(context, (connection) => fill(connection, { name, bare })),
      drop: () => this.#context.cleanUp(`table ${name}`, () => this.#drop(name)),
      signal: context.signal,
    });
  }

  async #drop(table: string): Promise<void> {
    // It was in memory, and went when the part stopped.
    if (this.#stopped) return;
    const connection = await (this.#instance as DuckDBInstance).connect();
    await connection.run(`DROP TABLE IF EXISTS ${table}`).finally(() => connection.disconnectSync());
  }

  async #connected<T>(context: CallContext, run: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const { connection, release } = await this.#connect(context);
    try {
      return await run(connection);
    } catch (error) {
      throw context.signal.aborted ? abortError(context.signal) : plainError(error);
    } finally {
      release();
    }
  }

  /** A connection that the caller's signal interrupts. */
  async #connect({ signal }: CallContext): Promise<{ connection: DuckDBConnection; release: () => void }> {
    if (signal.aborted) throw abortError(signal);
    const connection = await (this.#instance as DuckDBInstance).connect();
    // A signal that has aborted meanwhile says so to nobody any more.
    if (signal.aborted) {
      connection.disconnectSync();
      throw abortError(signal);
    }
    let again: NodeJS.Timeout | undefined;
    const interrupt = (): void => {
      connection.interrupt();
      again = startTimer(interrupt, interruptEveryMs).unref();
    };
    signal.addEventListener('abort', interrupt, { once: true });
    const release = (): void => {
      signal.removeEventListener('abort', interrupt);
      clearTimeout(again);
      connection.disconnectSync();
    };
    // A client of the user's has settings of its own, which stay as they are for everybody else.
    if (this.#options.client !== undefined) {
      try {
        await connection.run(settingsOf('SESSION'));
      } catch (error) {
        release();
        throw error;
      }
    }
    return { connection, release };
  }
}

/**
 * What every query here relies on. Times without a zone are UTC. A join of few rows as of a time would otherwise run as an aggregate, which
 * turns a float32 of −0 into 0.
 */
const settings = {
  TimeZone: `'UTC'`,
  asof_loop_join_threshold: '0',
  Calendar: `'gregorian'`,
  default_order: `'ASC'`,
  default_null_order: `'NULLS_LAST'`,
  integer_division: 'false',
  ieee_floating_point_ops: 'true',
};

function settingsOf(scope: 'GLOBAL' | 'SESSION'): string {
  return Object.entries(settings)
    .map(([name, value]) => `SET ${scope} ${name} = ${value}`)
    .join('; ');
}

async function* batchesOf(
  connection: DuckDBConnection,
  { sql, parameters }: Statement,
  signal: AbortSignal,
): AsyncGenerator<RowBatch> {
  const result = await connection.stream(sql, parameters ?? {});
  const fields = carriedFields(columnsOf(result));
  const readers = fields.map((field, i) => columnReader(field.name, result.columnType(i)));
  const chunks: DuckDBDataChunk[] = [];
  for (let more = true; more;) {
    let rows = 0;
    while (rows < batchRows) {
      const chunk = await result.fetchChunk();
      if (signal.aborted) throw abortError(signal);
      more = chunk !== null && chunk.rowCount > 0;
      if (chunk === null || !more) break;
      rows += chunk.rowCount;
      chunks.push(chunk);
    }
    if (rows === 0) break;
    const columns = readers.map((reader, i) => reader.read(chunks.map((chunk) => chunk.getColumnVector(i))));
    // A vector is a view of its chunk's memory, which is freed with the chunk: until here every chunk is held.
    chunks.length = 0;
    yield { fields, rows, columns };
  }
}

async function describe(
  connection: DuckDBConnection,
  { sql, parameters }: Statement,
): Promise<readonly DescribedColumn[]> {
  // Not `prepare`: it leaves the type of a parameter's column open.
  const columns = columnsOf(await connection.stream(`SELECT * FROM (${sql}\n) LIMIT 0`, parameters ?? {}));
  if (mayBeRenamed(columns.map(({ name }) => name))) {
    // Only a query that stands within another has its columns renamed.
    const prepared = await connection.prepare(sql);
    const names = Array.from({ length: prepared.columnCount }, (_, i) => prepared.columnName(i));
    prepared.destroySync();
    const repeated = repeatedName(names);
    if (repeated !== undefined) throw new VivaceError('INVALID_ARGUMENT', `the query ${repeated}`);
  }
  return columns;
}

function columnsOf(result: DuckDBResult): DescribedColumn[] {
  return describedColumns(result.columnNames(), result.columnTypes());
}

/** Batches in portions of so many rows or a few more. */
async function* inPortions(batches: TableRows['batches'], rows: number): AsyncGenerator<readonly RowBatch[]> {
  let some: RowBatch[] = [];
  let held = 0;
  for await (const batch of batches) {
    some.push(batch);
    held += batch.rows;
    if (held < rows) continue;
    yield some;
    [some, held] = [[], 0];
  }
  if (some.length > 0) yield some;
}
