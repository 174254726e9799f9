import { readMilliseconds, VivaceError } from 'vivace';

/** What the standard variables ask of this adapter; the SDK and the exporters read the rest themselves. */
export interface OpenTelemetryEnvironment {
  readonly traces: boolean;
  readonly metrics: boolean;
  readonly metricTimes: { readonly exportIntervalMillis?: number; readonly exportTimeoutMillis?: number };
}

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Reads the OTEL_ variables: OTLP is sent where an endpoint is named.
 *
 * @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 * @throws {VivaceError} `INVALID_CONFIG` for a protocol or a number that this adapter cannot use.
 */
export function readEnvironment(variables: Variables): OpenTelemetryEnvironment {
  const wanted = (signal: 'TRACES' | 'METRICS'): boolean => {
    if (variables['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return false;
    if (variables[`OTEL_${signal}_EXPORTER`] === 'none') return false;
    const endpoint =
      variables[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`] ?? variables['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '';
    if (endpoint === '') return false;
    const protocol =
      variables[`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`] ?? variables['OTEL_EXPORTER_OTLP_PROTOCOL'];
    if (protocol === undefined || protocol === '' || protocol === 'http/protobuf') return true;
    throw new VivaceError(
      'INVALID_CONFIG',
      `the OTLP protocol "${protocol}" is not supported: use http/protobuf`,
    );
  };
  const intervalMs = millisecondsOf(variables, 'OTEL_METRIC_EXPORT_INTERVAL');
  const timeoutMs = millisecondsOf(variables, 'OTEL_METRIC_EXPORT_TIMEOUT');
  // The SDK refuses a time-out above the interval, and its own default is 30 s.
  const exportTimeoutMillis =
    timeoutMs ?? (intervalMs === undefined ? undefined : Math.min(intervalMs, 30_000));
  return {
    traces: wanted('TRACES'),
    metrics: wanted('METRICS'),
    metricTimes: {
      ...(intervalMs === undefined ? {} : { exportIntervalMillis: intervalMs }),
      ...(exportTimeoutMillis === undefined ? {} : { exportTimeoutMillis }),
    },
  };
}

function millisecondsOf(variables: Variables, name: string): number | undefined {
  const text = variables[name];
  if (text === undefined || text.trim() === '') return undefined;
  const read = readMilliseconds(text.trim());
  if (typeof read === 'string') throw new VivaceError('INVALID_CONFIG', `${name}: ${read}`);
  return read;
}
