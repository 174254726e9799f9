import { createServer } from 'vivace';
import { asChild } from '../child.js';
import { wideRanking } from '../pipelines.js';
import { repositoryParts } from '../serve.js';
import { wideView } from '../wide-table.js';

/** The ranking of wide rows as a user would serve it: REST over express, metrics on, one instance of the model. */
await asChild(async ({ redis, models }: { readonly redis: string; readonly models: string }) => {
  const server = await createServer({
    parts: {
      ...repositoryParts(models, 'wide'),
      hot: { use: 'redis', url: redis },
      online: { use: 'online-store', store: 'hot' },
      onnx: { use: 'onnxruntime' },
      delays: { use: 'model-predictor', model: 'wide', repository: 'models', runtime: 'onnx' },
      metrics: { use: 'opentelemetry' },
      web: { use: 'express', port: 0 },
      api: { use: 'rest', server: 'web' },
    },
    views: { wide: wideView('wide.parquet') as never },
    pipelines: { rank: wideRanking },
  });
  await server.start();
  return { ready: server.addresses()[0], stop: async () => server.stop() };
});
