import { randomUUID } from 'node:crypto';
import {
  abortError,
  untilAborted,
  VivaceError,
  type CallContext,
  type PartContext,
  type Statement,
} from 'vivace';
import { pause } from 'vivace/kit';
import type { BigqueryOptions } from './bigquery.js';
import type { Connection } from './connection.js';
import { isDuplicate, reasonError, unlessGone } from './errors.js';
import { jobLabels, queryConfiguration } from './job-configuration.js';
import type { SchemaField } from './read-rows.js';
import type { Job, Page, Results, TableReference } from './rest-types.js';

/** The most rows of a page; BigQuery ends a page earlier, at some 10 MB. */
const pageRows = 50_000;
/** How long BigQuery holds a poll open while a query is running. */
const longPollMs = 10_000;
const pollMs = 250;

/** The jobs of one part: queries and loads, each with an id of ours, so that sending one again does not start a second. */
export class Jobs {
  /** Where jobs run, if that is known. */
  location: string | undefined;
  readonly #connection: Connection;
  readonly #options: BigqueryOptions;
  readonly #context: PartContext;

  constructor(connection: Connection, options: BigqueryOptions, context: PartContext) {
    this.#connection = connection;
    this.#options = options;
    this.#context = context;
    this.location = options.location;
  }

  async dryRun(
    statement: Statement,
    { signal }: CallContext,
  ): Promise<{ readonly schema: readonly SchemaField[]; readonly bytes: number }> {
    const body = { configuration: { ...this.#query(statement), dryRun: true }, ...this.#reference() };
    const { status, statistics } = await this.#connection.call<Job>(
      { method: 'POST', path: 'jobs', body, idempotent: true },
      signal,
    );
    if (status?.errorResult !== undefined) throw reasonError(status.errorResult);
    const bytes = statistics?.totalBytesProcessed ?? statistics?.query?.totalBytesProcessed ?? '0';
    return { schema: statistics?.query?.schema?.fields ?? [], bytes: Number(bytes) };
  }

  /** Runs a statement for what it does. */
  async run(statement: Statement, context: CallContext): Promise<void> {
    for await (const _ of this.pages(statement, context, 0));
  }

  /**
   * The pages of a query's answer; the next is fetched while one is used. A job that still runs when its caller goes is cancelled.
   *
   * @param maxResults The most rows of a page; with 0 the job is only waited for, and none are read.
   *
   * @throws {VivaceError} `DATA_LOSS` where there are fewer rows than BigQuery says there are.
   */
  async *pages(statement: Statement, context: CallContext, maxResults = pageRows): AsyncGenerator<Page> {
    if (context.signal.aborted) throw abortError(context.signal);
    const leave = new AbortController();
    const abort = (): void => leave.abort(context.signal.reason);
    context.signal.addEventListener('abort', abort, { once: true });
    const body = { configuration: this.#query(statement), ...this.#reference() };
    const { jobId } = body.jobReference;
    // It outlasts a caller that leaves: only what has begun can be cancelled.
    const beginning = new AbortController();
    const begun = this.#insert(body, beginning.signal);
    let complete = false;
    try {
      const { location = this.location } = (await untilAborted(begun, context.signal)).jobReference;
      const read = async (token?: string): Promise<Results> => {
        for (;;) {
          const results = await this.#connection.call<Results>(
            {
              path: `queries/${jobId}`,
              query: {
                location,
                maxResults,
                timeoutMs: longPollMs,
                'formatOptions.useInt64Timestamp': true,
                pageToken: token,
              },
            },
            leave.signal,
          );
          if (results.jobComplete === true) return results;
          if (results.jobComplete !== false)
            throw new VivaceError(
              'UNAVAILABLE',
              'the answer is not one of the jobs API: it has no jobComplete',
            );
        }
      };
      let schema: readonly SchemaField[] = [];
      let rows = 0;
      let page = await read();
      complete = true;
      const { totalRows } = page;
      for (;;) {
        schema = page.schema?.fields ?? schema;
        const next = maxResults === 0 || page.pageToken === undefined ? undefined : read(page.pageToken);
        // It may fail while nobody waits for it yet.
        next?.catch(() => undefined);
        rows += page.rows?.length ?? 0;
        if (page.rows !== undefined && page.rows.length > 0) yield { schema, rows: page.rows };
        if (next === undefined) break;
        page = await next;
      }
      // Statements other than queries have neither columns nor rows, but may have a count of them.
      if (maxResults > 0 && schema.length > 0 && totalRows !== undefined && Number(totalRows) !== rows)
        throw new VivaceError('DATA_LOSS', `only ${rows} of ${totalRows} rows arrived: run the query again`);
    } finally {
      context.signal.removeEventListener('abort', abort);
      leave.abort();
      if (!complete) this.#cancel(jobId, begun, beginning);
    }
  }

  /** Loads an Avro file into a table that is there. @returns The number of rows loaded; NaN where BigQuery does not say. */
  async load(
    table: TableReference,
    file: AsyncIterable<Buffer>,
    { toBody, context }: { toBody: LoadBody; context: CallContext },
  ): Promise<number> {
    const { signal } = context;
    const load = {
      destinationTable: table,
      sourceFormat: 'AVRO',
      // Times as times, not as numbers.
      useAvroLogicalTypes: true,
      createDisposition: 'CREATE_NEVER',
      writeDisposition: 'WRITE_APPEND',
    };
    const body = { configuration: { ...jobLabels(this.#options), load }, ...this.#reference() };
    const { jobId } = body.jobReference;
    const begun = this.#connection.call<Job>(
      { method: 'POST', path: 'jobs', query: { uploadType: 'multipart' }, upload: toBody(body, file) },
      signal,
    );
    let complete = false;
    try {
      let job = await begun;
      const { location = this.location } = job.jobReference;
      while (job.status?.state !== 'DONE') {
        // Where the caller has left, the call says so.
        await pause(pollMs, { signal, ref: true });
        job = await this.#connection.call<Job>({ path: `jobs/${jobId}`, query: { location } }, signal);
      }
      complete = true;
      if (job.status.errorResult !== undefined) throw reasonError(job.status.errorResult);
      return Number(job.statistics?.load?.outputRows ?? NaN);
    } finally {
      if (!complete) this.#cancel(jobId, begun);
    }
  }

  async #insert(body: { readonly jobReference: Job['jobReference'] }, signal: AbortSignal): Promise<Job> {
    try {
      const job = await this.#connection.call<Job>(
        { method: 'POST', path: 'jobs', body, idempotent: true },
        signal,
      );
      if (job.status?.errorResult !== undefined) throw reasonError(job.status.errorResult);
      return job;
    } catch (error) {
      // Nobody else has this id: an earlier attempt had arrived, though its answer had not.
      if (isDuplicate(error)) return { jobReference: body.jobReference };
      throw error;
    }
  }

  /** @param beginning Ends the attempt to begin the job, where that takes longer than cleaning up may. */
  #cancel(jobId: string, begun: Promise<Job>, beginning?: AbortController): void {
    void this.#context.cleanUp(`job ${jobId}`, async ({ signal }) => {
      try {
        const job = await untilAborted(begun, signal).catch(() => undefined);
        const location = job?.jobReference.location ?? this.location;
        const path = `jobs/${jobId}/cancel`;
        await unlessGone(
          this.#connection.call(
            { method: 'POST', path, query: { location }, body: {}, idempotent: true },
            signal,
          ),
        );
      } finally {
        beginning?.abort();
      }
    });
  }

  #query(statement: Statement): object {
    return queryConfiguration(statement, this.#options, this.#connection.project);
  }

  #reference(): { readonly jobReference: { projectId: string; jobId: string; location?: string } } {
    const { location } = this;
    return {
      jobReference: {
        projectId: this.#connection.project,
        jobId: `vivace_${randomUUID()}`,
        ...(location === undefined ? {} : { location }),
      },
    };
  }
}

/** The multipart body of a load: the job, then the file. */
export type LoadBody = (
  job: object,
  file: AsyncIterable<Buffer>,
) => NonNullable<Parameters<Connection['call']>[0]['upload']>;
