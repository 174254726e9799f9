import { definePlugin, httpServer, routePrefix, transport } from 'vivace';
import { z } from 'zod';
import { operationsRouter } from './routes.js';

/** Health, metrics and what is running, for those who operate the server. */
export const operations = definePlugin({
  provides: transport,
  name: 'operations',
  options: z.strictObject({
    prefix: routePrefix('/ops'),
  }),
  uses: { server: httpServer },
  create: ({ prefix }, { server }) => ({
    serve: (planes) => server.mount(operationsRouter(planes, prefix)),
  }),
});
