import {
  blobStore,
  cellAt,
  defineAdapter,
  servedLog,
  type BlobStore,
  type Cell,
  type LogKind,
  type RowBatch,
  type Server,
  type ServedLog,
} from 'vivace';
import { callContext } from 'vivace/testing';
import { z } from 'zod';

/** A blob store that the test has made. */
export const givenBlobs = defineAdapter({
  provides: blobStore,
  name: 'given-blobs',
  options: z.strictObject({ store: z.custom<BlobStore>() }),
  create: ({ store }) => store,
});

/** A blob store that writes in a way of its own. */
export function writingBy(blobs: BlobStore, write: BlobStore['write']): BlobStore {
  return {
    head: (...args) => blobs.head(...args),
    read: (...args) => blobs.read(...args),
    list: (...args) => blobs.list(...args),
    delete: (...args) => blobs.delete(...args),
    write,
  };
}

export type LogRow = Readonly<Record<string, Cell>>;

/** The rows of batches, as objects. */
export async function rowsOf(batches: AsyncIterable<RowBatch>): Promise<LogRow[]> {
  const rows: LogRow[] = [];
  for await (const { fields, columns, rows: count } of batches)
    for (let row = 0; row < count; row++)
      rows.push(Object.fromEntries(fields.map(({ name }, i) => [name, cellAt(columns[i]!, row)])));
  return rows;
}

/** All rows of a source, file by file. */
export async function loggedRows(
  log: ServedLog,
  name: string,
  { kind = 'served', columns }: { kind?: LogKind; columns?: readonly string[] } = {},
): Promise<LogRow[]> {
  const rows: LogRow[] = [];
  for (const file of await log.files({ kind, name }, {}, callContext()))
    rows.push(...(await rowsOf(log.rows(file, columns, callContext()))));
  return rows;
}

/** What the log of a server holds of what was pushed to a view. */
export function pushedRows(server: Server, view: string, part = 'log'): Promise<LogRow[]> {
  return loggedRows(server.part(servedLog, part), view, { kind: 'pushed' });
}

/** What the log of a server holds of a pipeline, once it is flushed. */
export async function servedRows(server: Server, pipeline: string, part = 'log'): Promise<LogRow[]> {
  const log = server.part(servedLog, part);
  await log.flush(callContext());
  return loggedRows(log, pipeline);
}
