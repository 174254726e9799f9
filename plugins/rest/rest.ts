import { checkLoopback, definePlugin, httpServer, routePrefix, transport } from 'vivace';
import { z } from 'zod';
import { FeatureApi } from './feature-api.js';
import { featureMistakes, pushesFromOthers } from './feature-options.js';
import { RestApi } from './rest-api.js';
import { restRouter } from './routes.js';

const views = z.array(z.string()).min(1);

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
    features: z
      .strictObject({
        read: z
          .union([z.literal(true), views], 'must be true, or a list of views')
          .optional()
          .describe('views whose features callers may read, or true for all; default: none'),
        push: views
          .optional()
          .describe(
            'views to which callers may push rows: without a source, or with `push` in it; only on a server that listens on loopback; default: none',
          ),
        open: z
          .boolean()
          .default(false)
          .describe('whether pushes are taken from other machines too, from every caller; default false'),
      })
      .optional()
      .describe('features without a pipeline'),
  }),
  uses: { server: httpServer },
  checkAmong: ({ features }, among) => (features === undefined ? [] : featureMistakes(features, among)),
  create: ({ prefix, features, ...options }, { server }, { name }) => ({
    serve: (planes) => {
      const { read, push = [], open = false } = features ?? {};
      const api = new FeatureApi({
        features: planes.data.features,
        path: `parts.${name}.features`,
        maxDepth: options.maxDepth,
        ...(read === undefined ? {} : { read }),
        push,
      });
      if (push.length > 0 && !open)
        checkLoopback(server.address(), {
          path: `parts.${name}.features.push`,
          ...pushesFromOthers,
        });
      server.mount(restRouter(new RestApi({ planes, prefix, features: api, ...options }), prefix));
    },
  }),
});
