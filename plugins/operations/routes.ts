import {
  errorResponse,
  requestIdOf,
  VivaceError,
  type HttpHandler,
  type HttpResponse,
  type HttpRouter,
  type ServerFace,
} from 'vivace';

/** Finds the route of `/health/live`, `/health/ready`, `/metrics` and `/v1/info`. */
export function operationsRouter(face: ServerFace, prefix: string): HttpRouter {
  const routes = new Map<string, HttpHandler>([
    [`${prefix}/health/live`, () => json(200, { live: true })],
    [
      `${prefix}/health/ready`,
      () => {
        const { ready, reasons } = face.readiness();
        return json(ready ? 200 : 503, { ready, reasons });
      },
    ],
    [
      `${prefix}/metrics`,
      ({ headers, signal }) => metrics(face, { signal, requestId: requestIdOf(headers) }),
    ],
    [
      `${prefix}/v1/info`,
      () => json(200, { ...face.info(), models: face.models(), pipelines: face.pipelines() }),
    ],
  ]);
  return ({ method, path }) => {
    const handler = routes.get(path);
    return handler === undefined || method === 'GET' || method === 'HEAD' ? handler : notAllowed;
  };
}

/** An answer to a probe or a scraper is about this moment. */
function json(status: number, value: object): HttpResponse {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  return { status, headers, body: JSON.stringify(value) };
}

async function metrics(
  face: ServerFace,
  { signal, requestId }: { signal: AbortSignal; requestId: string | undefined },
): Promise<HttpResponse> {
  const scraped = await face.scrape({ signal });
  if (scraped !== undefined)
    return { status: 200, headers: { 'content-type': scraped.contentType }, body: scraped.body };
  const message =
    'no part offers metrics to a scraper: add `telemetry: { use: opentelemetry }` to the parts of the configuration';
  return errorResponse(new VivaceError('NOT_FOUND', message), { requestId });
}

const notAllowed: HttpHandler = ({ method, headers }) =>
  errorResponse(
    new VivaceError('INVALID_ARGUMENT', `${method} is not allowed here: use GET`, { httpStatus: 405 }),
    {
      requestId: requestIdOf(headers),
      headers: { allow: 'GET, HEAD' },
    },
  );
