import { connect, DocumentNotFoundError, type Collection, type GetResult } from 'couchbase';
import type { CouchbaseAccess } from '../../servers/couchbase-server.js';
import { asChild } from '../child.js';
import { wideChunks } from '../wide-rows.js';
import { compiledWideView } from '../wide-table.js';

const writesInFlight = 512;

/** Writes a row of as many bytes per key, on the same condition, with the bare SDK. */
await asChild(async ({ source, access }: { readonly source: string; readonly access: CouchbaseAccess }) => {
  const { hash } = compiledWideView(source);
  const cluster = await connect(access.url, {
    username: access.username,
    password: access.password,
    tracingConfig: { enableTracing: false },
    metricsConfig: { enableMetrics: false },
  });
  const collection = cluster.bucket(access.bucket).defaultCollection();
  const from = performance.now();
  let writing: Promise<unknown> = Promise.resolve();
  for await (const { keys, values } of wideChunks(source)) {
    await writing;
    let next = 0;
    writing = Promise.all(
      Array.from({ length: writesInFlight }, async () => {
        while (next < keys.length) {
          const row = next++;
          await putGreater(collection, `${hash}:${keys[row]}`, values[row] as Buffer);
        }
      }),
    );
  }
  await writing;
  const ms = performance.now() - from;
  await cluster.close();
  return { ready: ms };
});

async function putGreater(collection: Collection, key: string, value: Buffer): Promise<void> {
  let stored: GetResult | undefined;
  try {
    stored = await collection.get(key);
  } catch (error) {
    if (!(error instanceof DocumentNotFoundError)) throw error;
  }
  if (stored === undefined) await collection.insert(key, value);
  else if (Buffer.compare(value, stored.content as Buffer) > 0)
    await collection.replace(key, value, { cas: stored.cas });
}
