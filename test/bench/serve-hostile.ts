import { createServer, type Pipelines, type ServerOf } from 'vivace';

const fetches = [
  { fetch: 'route', cache: { in: 'recent', ttlMs: 60_000 } },
  { fetch: 'route', as: 'again' },
];
const response = { outputs: { v: 'route.v', w: 'again.v' } };

const pipelines: Pipelines = {
  rank: {
    request: { origin: 'string' },
    objects: { fields: { destination: 'string' }, max: 2000 },
    steps: fetches,
    response,
  },
  long: {
    request: { origin: { type: 'string', maxLength: 20_000 } },
    objects: { fields: { destination: 'string' }, max: 2000 },
    steps: fetches,
    response,
  },
};

/** Two rankings of up to 2,000 routes through a cache: by texts of the default length, and by long ones. */
export async function serveHostile(probesPort: number): Promise<ServerOf> {
  const server = await createServer({
    parts: {
      hot: { use: 'memory' },
      online: { use: 'online-store', store: 'hot' },
      kept: { use: 'memory' },
      recent: { use: 'cache', store: 'kept' },
      metrics: { use: 'opentelemetry' },
      web: { use: 'express', port: 0, probes: { port: probesPort } },
      api: { use: 'rest', server: 'web' },
      ops: { use: 'operations', server: 'web' },
    },
    views: {
      route: {
        entity: { origin: 'string', destination: 'string' },
        features: { v: { type: 'float64' } },
        store: 'online',
      },
    },
    pipelines,
  });
  return server.start();
}
