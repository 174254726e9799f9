import { definePlugin, httpServer, transport } from 'vivace';
import { z } from 'zod';
import { operationsRouter } from './routes.js';

/** Health, metrics and what is running, for those who operate the server. */
export const operations = definePlugin({
  provides: transport,
  name: 'operations',
  options: z.strictObject({
    prefix: z
      .string()
      .regex(/^(\/[A-Za-z0-9._~-]+)*$/, 'a path such as /ops: it begins with "/" and does not end with one')
      .default('')
      .describe('path that every route begins with, such as /ops; default none'),
  }),
  uses: { server: httpServer },
  create: ({ prefix }, { server }) => ({
    serve: (planes) => server.mount(operationsRouter(planes, prefix)),
  }),
});
