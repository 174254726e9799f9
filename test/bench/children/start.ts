import { loadServer } from 'vivace';
import { asChild } from '../child.js';

await asChild(async (file: string) => {
  const server = await loadServer(file);
  await server.start();
  return { ready: server.control.readiness().ready, stop: async () => server.stop() };
});
