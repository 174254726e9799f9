import { createClient } from 'redis';
import { asChild } from '../child.js';
import { putGreater } from '../put-greater.js';
import { wideChunks } from '../wide-rows.js';
import { compiledWideView } from '../wide-table.js';

const chunksInFlight = 8;

/** Writes a row of as many bytes per key, on the same condition, with the bare client. */
await asChild(async ({ source, url }: { readonly source: string; readonly url: string }) => {
  const { hash } = compiledWideView(source);
  const client = createClient({ url });
  client.on('error', () => undefined);
  await client.connect();
  const sha = await client.scriptLoad(putGreater);
  const writing: Promise<unknown>[] = [];
  const from = performance.now();
  for await (const { keys, values } of wideChunks(source)) {
    const named = keys.map((key) => `vivace:${hash}:${key}`);
    writing.push(client.sendCommand(['EVALSHA', sha, String(keys.length), ...named, ...values]));
    if (writing.length >= chunksInFlight) await writing.shift();
  }
  await Promise.all(writing);
  const ms = performance.now() - from;
  client.destroy();
  return { ready: ms };
});
