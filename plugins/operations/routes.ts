import {
  readingRoutes,
  routeByMethod,
  uncachedJson,
  VivaceError,
  type Call,
  type HttpResponse,
  type HttpRoute,
  type HttpRouter,
  type Planes,
} from 'vivace';

/** Finds the route of `/health/live`, `/health/ready`, `/metrics` and `/v1/info`. */
export function operationsRouter({ data, control }: Planes, prefix: string): HttpRouter {
  // Keys: paths of routes.
  const handlers = new Map<string, HttpRoute['handle']>([
    [`${prefix}/health/live`, () => uncachedJson({ live: true })],
    [
      `${prefix}/health/ready`,
      () => {
        const readiness = control.readiness();
        return uncachedJson(readiness, readiness.ready ? 200 : 503);
      },
    ],
    [`${prefix}/metrics`, async (_request, call) => metrics(control, call)],
    [
      `${prefix}/v1/info`,
      () =>
        uncachedJson({
          ...control.info(),
          models: control.models(),
          pipelines: data.pipelines.names(),
        }),
    ],
  ]);
  // Probes and scrapers come every few seconds: spans of them would bury the others. They are answered however much there is to do.
  // Keys: paths of routes.
  const routes = new Map(
    [...handlers].map(([path, handle]) => [
      path,
      readingRoutes({ handle, quiet: true, admission: false, template: path }),
    ]),
  );
  return ({ method, path }) => {
    const known = routes.get(path);
    return known === undefined ? undefined : routeByMethod(known, method);
  };
}

async function metrics(control: Planes['control'], call: Call): Promise<HttpResponse> {
  const scraped = await control.scrape(call);
  if (scraped !== undefined)
    return { status: 200, headers: { 'content-type': scraped.contentType }, body: scraped.body };
  throw new VivaceError(
    'NOT_FOUND',
    'no part offers metrics to a scraper: add `telemetry: { use: opentelemetry }` to the parts of the configuration',
  );
}
