import { asChild } from '../child.js';
import { serveHostile } from '../serve-hostile.js';

await asChild(async ({ probesPort }: { readonly probesPort: number }) => {
  const server = await serveHostile(probesPort);
  return { ready: server.addresses()[0], stop: async () => server.stop() };
});
