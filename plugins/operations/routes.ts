import {
  pathSegment,
  readingRoutes,
  refusal,
  routeByMethod,
  uncachedJson,
  VivaceError,
  type Call,
  type HttpResponse,
  type HttpRoute,
  type HttpRouter,
  type Planes,
} from 'vivace';

interface Routes {
  /** What every path begins with. */
  readonly prefix: string;
  /** Whether callers may have predictors look for new versions. */
  readonly admin: boolean;
}

/** Finds the route of `/health/live`, `/health/ready`, `/metrics`, `/v1/info` and `/v1/predictors/{predictor}/refresh`. */
export function operationsRouter({ data, control }: Planes, { prefix, admin }: Routes): HttpRouter {
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
    if (known !== undefined) return routeByMethod(known, method);
    const predictor = refreshed(path, prefix);
    if (predictor === undefined) return undefined;
    return routeByMethod({ POST: admin ? refreshing(control, predictor, prefix) : adminIsOff }, method);
  };
}

/** The predictor, percent-encoded, that a path asks to look for a new version; `undefined` for any other path. */
function refreshed(path: string, prefix: string): string | undefined {
  const [begin, end] = [`${prefix}/v1/predictors/`, '/refresh'];
  if (!path.startsWith(begin) || !path.endsWith(end)) return undefined;
  const segment = path.slice(begin.length, -end.length);
  return segment === '' || segment.includes('/') ? undefined : segment;
}

const adminIsOff = refusal(
  new VivaceError('UNIMPLEMENTED', 'predictors are not refreshed over HTTP: that needs `admin: true`'),
);

/** Answers when the version that the repository says should serve does, or why it does not. */
function refreshing(control: Planes['control'], segment: string, prefix: string): HttpRoute {
  return {
    async handle(_request, call) {
      const name = pathSegment(segment);
      if (name === undefined)
        throw new VivaceError('INVALID_ARGUMENT', 'the path has a broken percent-encoding');
      return uncachedJson(await control.refresh(name, call));
    },
    admission: false,
    template: `${prefix}/v1/predictors/{predictor}/refresh`,
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
