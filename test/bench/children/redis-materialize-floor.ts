import { DuckDBInstance } from '@duckdb/node-api';
import { createClient } from 'redis';
import { asChild } from '../child.js';
import { compiledWideView, wideFeatures } from '../wide-table.js';
import type { MaterializedToRedis } from './redis-materialize.js';

const headBytes = 32;
const rowBytes = headBytes + 4 * wideFeatures.length;
const chunksInFlight = 8;
/** A value for each key; written where it is greater, as Lua compares. */
const putGreater = `local written = {}
for i, key in ipairs(KEYS) do
  local stored = redis.call('GET', key)
  if stored and stored >= ARGV[i] then written[i] = 0 else redis.call('SET', key, ARGV[i]) written[i] = 1 end
end
return written`;

/** Streams the file out of DuckDB and writes a row of as many bytes per key, on the same condition, with the bare client. */
await asChild(async ({ source, url }: MaterializedToRedis) => {
  const { hash } = compiledWideView(source);
  const client = createClient({ url });
  client.on('error', () => undefined);
  await client.connect();
  const sha = await client.scriptLoad(putGreater);
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const writing: Promise<unknown>[] = [];
  const from = performance.now();
  const result = await connection.stream(
    `SELECT id, ${wideFeatures.join(', ')} FROM '${source}' ORDER BY id`,
  );
  for (
    let chunk = await result.fetchChunk();
    chunk !== null && chunk.rowCount > 0;
    chunk = await result.fetchChunk()
  ) {
    const rows = chunk.rowCount;
    const keys = (chunk.getColumnValues(0) as string[]).map((id) => `vivace:${hash}:${id}`);
    const floats = new Float32Array((rows * rowBytes) / 4);
    wideFeatures.forEach((_, i) => {
      // The vector's own array: `getColumnValues` would make a JavaScript array of it first.
      const { items } = chunk.getColumnVector(i + 1) as unknown as { items: Float32Array };
      for (let row = 0, at = headBytes / 4 + i; row < rows; row++, at += rowBytes / 4)
        floats[at] = items[row] as number;
    });
    const bytes = Buffer.from(floats.buffer);
    const values = keys.map((_, row) => bytes.subarray(row * rowBytes, (row + 1) * rowBytes));
    writing.push(client.sendCommand(['EVALSHA', sha, String(rows), ...keys, ...values]));
    if (writing.length >= chunksInFlight) await writing.shift();
  }
  await Promise.all(writing);
  const ms = performance.now() - from;
  client.destroy();
  connection.disconnectSync();
  return { ready: ms };
});
