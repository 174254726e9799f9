import { createServer, offlineStore, type PartDeclaration } from 'vivace';
import { asChild } from '../child.js';
import { wideView } from '../wide-table.js';

export interface Materialized {
  /** The Parquet file. */
  readonly source: string;
  /** The key-value store that is filled; empty. */
  readonly hot: PartDeclaration;
}

/** Fills a store with the rows of the file. */
await asChild(async ({ source, hot }: Materialized) => {
  const server = await createServer({
    parts: {
      lake: { use: 'duckdb' },
      hot,
      online: { use: 'online-store', store: 'hot' },
      history: { use: 'offline-store', warehouse: 'lake', online: 'online' },
    },
    views: { wide: wideView(source) as never },
    pipelines: {},
  });
  await server.startOnly(['history']);
  const history = server.part(offlineStore, 'history');
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
