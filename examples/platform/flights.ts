/** Loads a part of the flights example's data into the warehouse, as `bq load` would. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { checked, eventually } from './servers.js';

const source = 'node_modules/vega-datasets/data/flights-3m.parquet';
/** The largest airports: their flights to one another, of the ten weeks that the example needs. */
const airports = ['ORD', 'DFW', 'ATL', 'LAX', 'PHX', 'DEN', 'MSP', 'BOS', 'LGA', 'SFO'];

const fields = [
  { name: 'date', type: 'TIMESTAMP' },
  { name: 'delay', type: 'INTEGER' },
  { name: 'distance', type: 'INTEGER' },
  { name: 'origin', type: 'STRING' },
  { name: 'destination', type: 'STRING' },
];

/**
 * Writes the flights to a file and loads that into the table `flights.flights`.
 *
 * @returns The number of rows.
 * @see https://cloud.google.com/bigquery/docs/reference/api-uploads#multipart
 */
export async function writeFlights(file: string, url: string): Promise<number> {
  const connection = await (await DuckDBInstance.create()).connect();
  const list = airports.map((airport) => `'${airport}'`).join(', ');
  const { rowsChanged } = await connection.run(
    `COPY (SELECT ${fields.map(({ name }) => name).join(', ')} FROM '${source}'
       WHERE origin IN (${list}) AND destination IN (${list}) AND date >= '2001-04-02' AND date < '2001-06-16')
     TO '${file}' (HEADER false)`,
  );
  connection.closeSync();
  await load(await readFile(file), url);
  return rowsChanged;
}

async function load(content: Buffer, url: string): Promise<void> {
  const boundary = randomUUID();
  const job = {
    configuration: {
      load: {
        destinationTable: { projectId: 'test', datasetId: 'flights', tableId: 'flights' },
        schema: { fields },
        sourceFormat: 'CSV',
      },
    },
  };
  const body = Buffer.concat([
    Buffer.from(`--${boundary}\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(job)}\r\n`),
    Buffer.from(`--${boundary}\r\nContent-Type: application/octet-stream\r\n\r\n`),
    content,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
  const begun = await checked(
    fetch(`${url}/upload/bigquery/v2/projects/test/jobs?uploadType=multipart`, {
      method: 'POST',
      headers: { 'content-type': `multipart/related; boundary=${boundary}` },
      body,
    }),
  );
  const { jobReference } = (await begun.json()) as { readonly jobReference: { readonly jobId: string } };
  await eventually(async () => {
    const answer = await checked(fetch(`${url}/bigquery/v2/projects/test/jobs/${jobReference.jobId}`));
    const { status } = (await answer.json()) as {
      readonly status: { readonly state: string; readonly errorResult?: { readonly message: string } };
    };
    if (status.errorResult !== undefined) throw new Error(status.errorResult.message);
    if (status.state !== 'DONE') throw new Error(`the load is ${status.state}`);
  });
}
