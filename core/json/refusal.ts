import { VivaceError } from '../kernel/errors.js';
import type { HttpResponse, HttpRoute } from '../ports/http-server.js';
import { errorResponse } from './error-response.js';

export interface RefusalOptions {
  /** Headers besides those of every error. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Puts the answer into the format of another protocol. */
  readonly format?: (response: HttpResponse) => HttpResponse;
}

/** A route that refuses every request without reading its body. */
export function refusal(
  refused: VivaceError,
  { headers = {}, format = (response) => response }: RefusalOptions = {},
): HttpRoute {
  const refuse = (): never => {
    throw refused;
  };
  return {
    admit: refuse,
    handle: refuse,
    failed: (error, _head, { requestId }) =>
      format(errorResponse(error, { requestId, headers: error === refused ? headers : {} })),
  };
}

/** The routes of a path, by method. */
export type RoutesByMethod = Readonly<Record<string, HttpRoute>>;

/** The route for a method of a path; one that refuses it with HTTP 405 and `Allow` where the path does not take it. */
export function routeByMethod(
  routes: RoutesByMethod,
  method: string,
  options: Pick<RefusalOptions, 'format'> = {},
): HttpRoute {
  // HTTP/2 takes any text for a method.
  const route = Object.hasOwn(routes, method) ? routes[method] : undefined;
  return route ?? methodNotAllowed(method, Object.keys(routes), options);
}

/** The routes of a path that is read. */
export function readingRoutes(route: HttpRoute): RoutesByMethod {
  return { GET: route, HEAD: route };
}

function methodNotAllowed(
  method: string,
  allowed: readonly string[],
  options: Pick<RefusalOptions, 'format'>,
): HttpRoute {
  const allow = allowed.join(', ');
  const refused = new VivaceError('INVALID_ARGUMENT', `${method} is not allowed here: use ${allow}`, {
    httpStatus: 405,
  });
  return refusal(refused, { ...options, headers: { allow } });
}
