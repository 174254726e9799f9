import { checkAdmin, definePlugin, httpServer, routePrefix, transport } from 'vivace';
import { z } from 'zod';
import { operationsRouter } from './routes.js';

/** Health, metrics and what is running, for those who operate the server. */
export const operations = definePlugin({
  provides: transport,
  name: 'operations',
  options: z.strictObject({
    prefix: routePrefix('/ops'),
    admin: z
      .boolean()
      .default(false)
      .describe(
        'whether callers may have predictors look for new versions; only on a server that listens on loopback; default false',
      ),
  }),
  uses: { server: httpServer },
  create: ({ prefix, admin }, { server }, { name }) => ({
    serve: (planes) => {
      if (admin) checkAdmin(server.address(), name);
      server.mount(operationsRouter(planes, { prefix, admin }));
    },
  }),
});
