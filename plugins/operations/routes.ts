import {
  methodNotAllowed,
  VivaceError,
  type Call,
  type HttpResponse,
  type HttpRoute,
  type HttpRouter,
  type Planes,
} from 'vivace';

/** Finds the route of `/health/live`, `/health/ready`, `/metrics` and `/v1/info`. */
export function operationsRouter({ data, control }: Planes, prefix: string): HttpRouter {
  const handlers = new Map<string, HttpRoute['handle']>([
    [`${prefix}/health/live`, () => json(200, { live: true })],
    [
      `${prefix}/health/ready`,
      () => {
        const readiness = control.readiness();
        return json(readiness.ready ? 200 : 503, readiness);
      },
    ],
    [`${prefix}/metrics`, async (_request, call) => metrics(control, call)],
    [
      `${prefix}/v1/info`,
      () =>
        json(200, {
          ...control.info(),
          models: control.models(),
          pipelines: data.pipelines.names(),
        }),
    ],
  ]);
  // Probes and scrapers come every few seconds: spans of them would bury the others. They are answered however much there is to do.
  const routes = new Map(
    [...handlers].map(([path, handle]) => [
      path,
      { handle, quiet: true, admission: false, template: path } as const,
    ]),
  );
  return ({ method, path }) => {
    const route = routes.get(path);
    return route === undefined || method === 'GET' || method === 'HEAD'
      ? route
      : methodNotAllowed(method, ['GET', 'HEAD']);
  };
}

/** An answer to a probe or a scraper is about this moment. */
function json(status: number, value: object): HttpResponse {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  return { status, headers, body: JSON.stringify(value) };
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
