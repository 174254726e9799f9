import { asChild } from '../child.js';
import { serveIris } from '../iris.js';

await asChild(async ({ directory }: { readonly directory: string }) => {
  const server = await serveIris(directory);
  return { ready: server.addresses()[0], stop: async () => server.stop() };
});
