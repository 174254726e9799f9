import { createServer, offlineStore } from 'vivace';
import type { CouchbaseAccess } from '../../servers/couchbase-server.js';
import { asChild } from '../child.js';
import { wideView } from '../wide-table.js';

/** What both sides of the case are given. */
export interface MaterializedToCouchbase {
  /** The Parquet file. */
  readonly source: string;
  /** Of an empty bucket. */
  readonly access: CouchbaseAccess;
}

await asChild(async ({ source, access }: MaterializedToCouchbase) => {
  const server = await createServer({
    parts: {
      lake: { use: 'duckdb' },
      hot: { use: 'couchbase', ...access },
      online: { use: 'online-store', store: 'hot' },
      history: { use: 'offline-store', warehouse: 'lake', online: 'online' },
    },
    views: { wide: wideView(source) as never },
    pipelines: {},
  });
  await server.startOnly(['history']);
  const history = server.container.get(offlineStore.id, { name: 'history' });
  const from = performance.now();
  await history.materialize(
    server.views.get('wide')!,
    { untilMs: Date.parse('2001-07-01') },
    { signal: new AbortController().signal },
  );
  const ms = performance.now() - from;
  await server.stop();
  return { ready: ms };
});
