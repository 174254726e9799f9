import { definePlugin, httpServer, routePrefix, transport } from 'vivace';
import { z } from 'zod';
import { RestApi } from './rest-api.js';
import { restRouter } from './routes.js';

/** Vivace's own JSON API: predictions, descriptions of the pipelines, and an OpenAPI document made from them. */
export const rest = definePlugin({
  provides: transport,
  name: 'rest',
  options: z.strictObject({
    prefix: routePrefix(),
    servers: z
      .array(z.url())
      .default([])
      .describe(
        'base URLs that the OpenAPI document names, such as https://ml.example.com; default: where the document is served',
      ),
    maxDepth: z
      .int()
      .min(4)
      .max(1000)
      .default(32)
      .describe('deepest nesting of arrays and objects in a body; more is answered with 400; default 32'),
  }),
  uses: { server: httpServer },
  create: ({ prefix, ...options }, { server }) => ({
    serve: (planes) => server.mount(restRouter(new RestApi({ planes, prefix, ...options }), prefix)),
  }),
});
