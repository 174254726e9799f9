import {
  errorResponse,
  pathSegment,
  readingRoutes,
  refusal,
  routeByMethod,
  VivaceError,
  type HttpRoute,
  type HttpRouter,
  type RoutesByMethod,
} from 'vivace';
import type { FeatureApi } from './feature-api.js';
import type { RestApi } from './rest-api.js';

const pipelines = '/v1/pipelines';
const features = '/v1/features';

const brokenPath = refusal(new VivaceError('INVALID_ARGUMENT', 'the path has a broken percent-encoding'));

/** Finds the route of a path: `/v1/pipelines[/{name}[/predict]]`, `/v1/features/read`, `/v1/features/{view}/push` and `/openapi.json`. */
export function restRouter(api: RestApi, prefix: string): HttpRouter {
  const list: RoutesByMethod = reading(prefix + pipelines, (_request, call) => api.list(call));
  const openApi: RoutesByMethod = reading(`${prefix}/openapi.json`, (_request, call) => api.openApi(call));
  return ({ method, path }) => {
    if (!path.startsWith(prefix)) return undefined;
    const rest = path.slice(prefix.length);
    const methods =
      rest === pipelines
        ? list
        : rest === '/openapi.json'
          ? openApi
          : (pipelineMethods(api, rest, prefix) ?? featureMethods(api.features, rest, prefix));
    return methods === undefined ? undefined : routeByMethod(methods, method);
  };
}

function pipelineMethods(api: RestApi, path: string, prefix: string): RoutesByMethod | undefined {
  if (!path.startsWith(`${pipelines}/`)) return undefined;
  const [name = '', action, ...more] = path.slice(pipelines.length + 1).split('/');
  if (name === '' || more.length > 0 || (action !== undefined && action !== 'predict')) return undefined;
  const decoded = pathSegment(name);
  if (decoded === undefined) {
    return { GET: brokenPath, HEAD: brokenPath, POST: brokenPath };
  }
  const template = `${prefix}${pipelines}/{pipeline}`;
  if (action === undefined) return reading(template, (_request, call) => api.describe(decoded, call));
  const bodyLimitBytes = api.bodyLimitOf(decoded);
  return {
    POST: {
      deadlineMs: (head) => api.deadlineMs(decoded, head),
      admit: (head, call) => api.admitPrediction(decoded, head, call),
      handle: (request, call) => api.predict(decoded, request, call),
      failed,
      template: `${template}/predict`,
      ...(bodyLimitBytes === undefined ? {} : { bodyLimitBytes }),
    },
  };
}

function featureMethods(api: FeatureApi, path: string, prefix: string): RoutesByMethod | undefined {
  if (path === `${features}/read`)
    return {
      POST: {
        deadlineMs: (head) => api.deadlineMs(head),
        admit: (head, call) => api.admitRead(head, call),
        handle: (request, call) => api.read(request, call),
        failed,
        template: `${prefix}${features}/read`,
      },
    };
  if (!path.startsWith(`${features}/`)) return undefined;
  const [name = '', action, ...more] = path.slice(features.length + 1).split('/');
  if (name === '' || action !== 'push' || more.length > 0) return undefined;
  const view = pathSegment(name);
  if (view === undefined) return { POST: brokenPath };
  const bodyLimitBytes = api.bodyLimitOf(view);
  return {
    POST: {
      deadlineMs: (head) => api.deadlineMs(head),
      admit: (head, call) => api.admitPush(view, head, call),
      handle: (request, call) => api.push(view, request, call),
      failed,
      template: `${prefix}${features}/{view}/push`,
      ...(bodyLimitBytes === undefined ? {} : { bodyLimitBytes }),
    },
  };
}

/** Every answer names the request, errors included. */
const failed: NonNullable<HttpRoute['failed']> = (error, _head, { requestId }) =>
  errorResponse(error, { requestId });

function reading(template: string, handle: HttpRoute['handle']): RoutesByMethod {
  return readingRoutes({ handle, failed, template });
}
