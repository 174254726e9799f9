import { attributeNames } from '../kernel/attribute-names.js';
import { createHistogram } from '../kernel/create-histogram.js';
import { perMeterProvider } from '../kernel/instrumentation.js';
import { metricNames } from '../kernel/metric-names.js';
import { methodName } from './http-methods.js';
import type { HttpExchangeFacts } from './http-span.js';

/** An exchange that has ended. */
export interface EndedExchange extends HttpExchangeFacts {
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

/**
 * Records an exchange in `http.server.request.duration`. Every HTTP server calls it once for each exchange that it answers, whatever the
 * answer was.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#metric-httpserverrequestduration
 */
export function recordExchange({
  method,
  route,
  scheme,
  protocolVersion,
  mountedAt = '',
  status,
  arrivedAt,
}: EndedExchange): void {
  const failure =
    status === undefined
      ? { [attributeNames.errorType]: 'CANCELLED' }
      : status < 500
        ? {}
        : serverError(status);
  duration().record(arrivedAt === undefined ? 0 : (performance.now() - arrivedAt) / 1000, {
    [attributeNames.httpMethod]: methodName(method),
    [attributeNames.urlScheme]: scheme,
    [attributeNames.protocolVersion]: protocolVersion,
    ...(route?.template === undefined ? {} : { [attributeNames.httpRoute]: mountedAt + route.template }),
    ...(status === undefined ? {} : { [attributeNames.httpStatus]: status }),
    ...failure,
  });
}

const serverError = (status: number): object => ({ [attributeNames.errorType]: String(status) });
