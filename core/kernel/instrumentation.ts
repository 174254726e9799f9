import {
  metrics,
  trace,
  type Meter,
  type MeterProvider,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';
import { packageVersion } from './package-version.js';

const scope = 'vivace';

/** The tracer of all spans of Vivace: its scope has the name and the version of this package. */
export function tracer(): Tracer {
  return trace.getTracer(scope, packageVersion);
}

/** The meter of all metrics of Vivace, under the same scope. */
export function meter(): Meter {
  return metrics.getMeter(scope, packageVersion);
}

/**
 * An instrument for those who have no start and no stop: made when it is first asked for, and again when another provider has been set.
 */
export function perMeterProvider<T>(create: () => T): () => T {
  let made: { readonly provider: MeterProvider; readonly instrument: T } | undefined;
  return () => {
    const provider = metrics.getMeterProvider();
    if (made?.provider !== provider) made = { provider, instrument: create() };
    return made.instrument;
  };
}

/** The global provider that the API gives: a stand-in for one that may be set later, or never. */
type StandIn = TracerProvider & { getDelegateTracer?(name: string, version: string): Tracer | undefined };

/** Whether a tracer provider is set in this process: by a telemetry part, or by the application that Vivace runs in. */
export function isTracing(): boolean {
  const provider: StandIn = trace.getTracerProvider();
  return (
    provider.getDelegateTracer === undefined ||
    provider.getDelegateTracer(scope, packageVersion) !== undefined
  );
}
