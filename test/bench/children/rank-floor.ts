import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { asChild } from '../child.js';
import { compiledViews } from '../flight-store.js';
import { rankByHand } from '../rank-by-hand.js';
import { modelFile, type Served } from '../serve.js';

await asChild(async (served: Served) => {
  const rank = await rankByHand(
    { store: served.store, model: modelFile(served.models, served.pipeline) },
    compiledViews(),
  );
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      void rank(Buffer.concat(chunks).toString()).then((text) => {
        response.writeHead(200, {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(text),
        });
        response.end(text);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { ready: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
});
