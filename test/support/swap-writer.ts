import { resolveUse, blobStore } from 'vivace';
import { startPart, callContext } from 'vivace/testing';

/** A process of its own that swaps a blob when its parent says so: `node swap-writer.js <adapter> <options as JSON>`. */
const [adapter = '', options = '{}'] = process.argv.slice(2);
const part = await startPart(await resolveUse(adapter, process.cwd()), JSON.parse(options) as object);
const store = part.face(blobStore);

process.on('message', (order: { readonly version: string; readonly text: string } | 'end') => {
  if (order === 'end') {
    void part.stop().then(() => process.disconnect());
    return;
  }
  const { version, text } = order;
  store.write('ref', new TextEncoder().encode(text), callContext(30_000), { version }).then(
    (written) => process.send?.({ won: written !== false }),
    (error: unknown) => process.send?.({ failed: String(error) }),
  );
});
process.send?.('ready');
