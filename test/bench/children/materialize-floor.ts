import { DuckDBInstance } from '@duckdb/node-api';
import { open } from 'lmdb';
import { asChild } from '../child.js';
import type { Materialized } from './materialize.js';
import { compiledWideView, wideFeatures } from '../wide-table.js';

const headBytes = 32;
const chunksPerCommit = 8;
const rowBytes = headBytes + 4 * wideFeatures.length;

/** Streams the file out of DuckDB in the order of keys and puts a row of as many bytes per key; compares nothing. */
await asChild(async ({ source, store }: Materialized) => {
  const { hash } = compiledWideView(source);
  const database = open<Uint8Array, string>({ path: store, encoding: 'binary', noSubdir: false });
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  let chunks = 0;
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
    const keys = chunk.getColumnValues(0) as string[];
    const floats = new Float32Array((rows * rowBytes) / 4);
    wideFeatures.forEach((_, i) => {
      // The vector's own array: `getColumnValues` would make a JavaScript array of it first.
      const { items } = chunk.getColumnVector(i + 1) as unknown as { items: Float32Array };
      for (let row = 0, at = headBytes / 4 + i; row < rows; row++, at += rowBytes / 4)
        floats[at] = items[row] as number;
    });
    const bytes = Buffer.from(floats.buffer);
    const written = database.transaction(() => {
      for (let row = 0; row < rows; row++) {
        database.putSync(`${hash}:${keys[row]}`, bytes.subarray(row * rowBytes, (row + 1) * rowBytes));
      }
    });
    // Transactions that wait together are committed together.
    if (++chunks % chunksPerCommit === 0) await written;
  }
  await database.committed;
  const ms = performance.now() - from;
  await database.close();
  connection.disconnectSync();
  return { ready: ms };
});
