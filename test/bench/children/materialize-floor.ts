import { open } from 'lmdb';
import { asChild } from '../child.js';
import { wideChunks } from '../wide-rows.js';
import { compiledWideView } from '../wide-table.js';

const chunksPerCommit = 8;

/** Puts a row of as many bytes per key; compares nothing. `path`: of the database. */
await asChild(async ({ source, path }: { readonly source: string; readonly path: string }) => {
  const { hash } = compiledWideView(source);
  const database = open<Uint8Array, string>({ path, encoding: 'binary', noSubdir: false });
  let chunks = 0;
  const from = performance.now();
  for await (const { keys, values } of wideChunks(source)) {
    const written = database.transaction(() => {
      keys.forEach((key, row) => database.putSync(`${hash}:${key}`, values[row] as Buffer));
    });
    // Transactions that wait together are committed together.
    if (++chunks % chunksPerCommit === 0) await written;
  }
  await database.committed;
  const ms = performance.now() - from;
  await database.close();
  return { ready: ms };
});
