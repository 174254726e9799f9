import type { Attributes } from '@opentelemetry/api';
import { attributeNames } from '../kernel/attribute-names.js';
import { createHistogram } from '../kernel/create-histogram.js';
import { perMeterProvider } from '../kernel/instrumentation.js';
import { metricNames } from '../kernel/metric-names.js';
import { methodName } from './http-methods.js';
import { httpRouteOf, type HttpExchangeFacts } from './http-span.js';

/** How an exchange ended. */
export interface EndedExchange {
  /** Upper case; empty where the request could not be read so far. */
  readonly method: string;
  /** The status of the answer; `undefined` where the peer disconnected before there was one. */
  readonly status: number | undefined;
  /** When its head had arrived, in `performance.now()` milliseconds; `undefined` where none ever did. */
  readonly arrivedAt?: number | undefined;
}

/** The convention says which bounds. */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

const duration = perMeterProvider(() => createHistogram({ ...metricNames.httpServerDuration, bounds }));

/** The attributes of exchanges, each made once: there are few, and an exchange costs little more than its answer. */
// Keys: methods, statuses and routes.
const known = new Map<string, Attributes>();
/** Far more than the routes of a server and the statuses that they answer. */
const mostKnown = 10_000;

/**
 * Records an exchange in `http.server.request.duration`. Every HTTP server calls it once for each exchange that it answers, whatever the
 * answer was.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#metric-httpserverrequestduration
 */
export function recordExchange(
  { method, status, arrivedAt }: EndedExchange,
  { scheme, ...facts }: Omit<HttpExchangeFacts, 'protocolVersion'>,
): void {
  const route = httpRouteOf(facts);
  const named = methodName(method);
  const key = `${named} ${status} ${scheme} ${route}`;
  let attributes = known.get(key);
  if (attributes === undefined) {
    attributes = attributesOf({ method: named, status, scheme, route });
    if (known.size < mostKnown) known.set(key, attributes);
  }
  duration().record(arrivedAt === undefined ? 0 : (performance.now() - arrivedAt) / 1000, attributes);
}

function attributesOf({
  method,
  status,
  scheme,
  route,
}: {
  readonly method: string;
  readonly status: number | undefined;
  readonly scheme: string;
  readonly route: string | undefined;
}): Attributes {
  const failed = status === undefined ? 'CANCELLED' : status < 500 ? undefined : String(status);
  return {
    [attributeNames.httpMethod]: method,
    [attributeNames.urlScheme]: scheme,
    ...(route === undefined ? {} : { [attributeNames.httpRoute]: route }),
    ...(status === undefined ? {} : { [attributeNames.httpStatus]: status }),
    ...(failed === undefined ? {} : { [attributeNames.errorType]: failed }),
  };
}
