import { asChild } from '../child.js';
import { servePython, type PythonServed } from '../python-models.js';

await asChild(async (served: PythonServed) => {
  const server = await servePython(served);
  return { ready: server.addresses()[0], stop: async () => server.stop() };
});
