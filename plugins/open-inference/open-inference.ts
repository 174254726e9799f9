import { checkAdmin, definePlugin, httpServer, pathNames, routePrefix, transport } from 'vivace';
import { z } from 'zod';
import { servedModels } from './served-models.js';
import { openInferenceRouter } from './routes.js';

/** The Open Inference Protocol (v2) over HTTP: any of its clients can call a pipeline or a model. */
export const openInference = definePlugin({
  provides: transport,
  name: 'open-inference',
  options: z.strictObject({
    prefix: routePrefix(),
    models: z
      .record(
        z.string().regex(pathNames.pattern, `cannot be a name: a name has ${pathNames.text}`),
        z.union([
          z.strictObject({ pipeline: z.string().min(1) }),
          z.strictObject({ predictor: z.string().min(1) }),
        ]),
      )
      .default({})
      .describe(
        "models under names of their own, such as `{ raw: { predictor: iris } }`, instead of the pipeline's name or that of the predictor's model; default none",
      ),
    admin: z
      .boolean()
      .default(false)
      .describe(
        'whether callers may list the models and load new versions; only on a server that listens on loopback; default false',
      ),
  }),
  uses: { server: httpServer },
  create: ({ prefix, models, admin }, { server }, { name, clock }) => ({
    async serve(planes, context) {
      if (admin) checkAdmin(server.address(), name);
      const served = await servedModels({ planes, renamed: models, part: name, clock }, context);
      server.mount(openInferenceRouter({ planes, models: served, prefix, admin }));
    },
  }),
});
