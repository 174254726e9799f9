import { DuckDBInstance } from '@duckdb/node-api';
import { connect, DocumentNotFoundError, type Collection, type GetResult } from 'couchbase';
import { asChild } from '../child.js';
import { compiledWideView, wideFeatures } from '../wide-table.js';
import type { MaterializedToCouchbase } from './couchbase-materialize.js';

const headBytes = 32;
const rowBytes = headBytes + 4 * wideFeatures.length;
const writesInFlight = 512;

/** Streams the file out of DuckDB and writes a row of as many bytes per key, on the same condition, with the bare SDK. */
await asChild(async ({ source, access }: MaterializedToCouchbase) => {
  const { hash } = compiledWideView(source);
  const cluster = await connect(access.url, {
    username: access.username,
    password: access.password,
    tracingConfig: { enableTracing: false },
    metricsConfig: { enableMetrics: false },
  });
  const collection = cluster.bucket(access.bucket).defaultCollection();
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const from = performance.now();
  const result = await connection.stream(
    `SELECT id, ${wideFeatures.join(', ')} FROM '${source}' ORDER BY id`,
  );
  let writing: Promise<unknown> = Promise.resolve();
  for (
    let chunk = await result.fetchChunk();
    chunk !== null && chunk.rowCount > 0;
    chunk = await result.fetchChunk()
  ) {
    const rows = chunk.rowCount;
    const keys = (chunk.getColumnValues(0) as string[]).map((id) => `${hash}:${id}`);
    const floats = new Float32Array((rows * rowBytes) / 4);
    wideFeatures.forEach((_, i) => {
      // The vector's own array: `getColumnValues` would make a JavaScript array of it first.
      const { items } = chunk.getColumnVector(i + 1) as unknown as { items: Float32Array };
      for (let row = 0, at = headBytes / 4 + i; row < rows; row++, at += rowBytes / 4)
        floats[at] = items[row] as number;
    });
    const bytes = Buffer.from(floats.buffer);
    await writing;
    let next = 0;
    writing = Promise.all(
      Array.from({ length: writesInFlight }, async () => {
        while (next < rows) {
          const row = next++;
          await putGreater(
            collection,
            keys[row] as string,
            bytes.subarray(row * rowBytes, (row + 1) * rowBytes),
          );
        }
      }),
    );
  }
  await writing;
  const ms = performance.now() - from;
  await cluster.close();
  connection.disconnectSync();
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
