import { errorResponse, requestIdOf, VivaceError, type HttpHandler, type HttpRouter } from 'vivace';
import type { RestApi } from './rest-api.js';

type Methods = Readonly<Record<string, HttpHandler | undefined>>;

const pipelines = '/v1/pipelines';

/** Finds the route of a path: `/v1/pipelines[/{name}[/predict]]` and `/openapi.json`. */
export function restRouter(api: RestApi, prefix: string): HttpRouter {
  const list: Methods = reading((request) => api.list(request));
  const openApi: Methods = reading((request) => api.openApi(request));
  return ({ method, path }) => {
    if (!path.startsWith(prefix)) return undefined;
    const rest = path.slice(prefix.length);
    const methods =
      rest === pipelines ? list : rest === '/openapi.json' ? openApi : pipelineMethods(api, rest);
    return methods === undefined ? undefined : (methods[method] ?? notAllowed(method, methods));
  };
}

function pipelineMethods(api: RestApi, path: string): Methods | undefined {
  if (!path.startsWith(`${pipelines}/`)) return undefined;
  const [name = '', action, ...more] = path.slice(pipelines.length + 1).split('/');
  if (name === '' || more.length > 0 || (action !== undefined && action !== 'predict')) return undefined;
  const decoded = decode(name);
  if (decoded === undefined) {
    const refuse = refusal('the path has a broken percent-encoding', 400);
    return { GET: refuse, HEAD: refuse, POST: refuse };
  }
  return action === undefined
    ? reading((request) => api.describe(decoded, request))
    : { POST: (request) => api.predict(decoded, request) };
}

function reading(handler: HttpHandler): Methods {
  return { GET: handler, HEAD: handler };
}

function notAllowed(method: string, methods: Methods): HttpHandler {
  const allow = Object.keys(methods).join(', ');
  return refusal(`${method} is not allowed here: use ${allow}`, 405, { allow });
}

function refusal(message: string, httpStatus: number, headers: Record<string, string> = {}): HttpHandler {
  const error = new VivaceError('INVALID_ARGUMENT', message, { httpStatus });
  return (request) => errorResponse(error, { requestId: requestIdOf(request.headers), headers });
}

function decode(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
