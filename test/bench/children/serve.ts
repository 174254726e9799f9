import { asChild } from '../child.js';
import { serve, type Served } from '../serve.js';

await asChild(async (served: Served) => {
  const server = await serve(served);
  return { ready: server.addresses()[0], stop: async () => server.stop() };
});
