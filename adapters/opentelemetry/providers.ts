import { diag, DiagLogLevel, metrics, trace } from '@opentelemetry/api';
import type { IMetricReader, MeterProvider } from '@opentelemetry/sdk-metrics';
import type { NodeTracerProvider, SpanProcessor } from '@opentelemetry/sdk-trace-node';
import { VivaceError, type Log } from 'vivace';
import { loadSdk } from 'vivace/kit';
import { readEnvironment } from './environment.js';
import type { OpenTelemetryOptions } from './opentelemetry.js';
import { makeResource } from './resource.js';
import { makeScraper, type Scraper } from './scraper.js';

/** What this process hands its telemetry to. */
export interface Providers {
  /** Somebody takes spans. */
  readonly tracing: boolean;
  /** The metrics as Prometheus text; `undefined` where that is switched off. */
  scrape(): Promise<string | undefined>;
  flush(): Promise<void>;
  shutdown(): Promise<void>;
}

/** Makes the providers and makes them the global ones, unless a host application has set its own, which then stand. */
export async function makeProviders(options: OpenTelemetryOptions, log: Log): Promise<Providers> {
  const environment = readEnvironment(process.env);
  const resource = await makeResource(options.serviceName);
  const [traceSdk, metricSdk] = await Promise.all([
    loadSdk('@opentelemetry/sdk-trace-node', async () => import('@opentelemetry/sdk-trace-node')),
    loadSdk('@opentelemetry/sdk-metrics', async () => import('@opentelemetry/sdk-metrics')),
  ]);
  const spanProcessors: SpanProcessor[] = [...options.spanProcessors];
  if (environment.traces) {
    const { OTLPTraceExporter } = await loadSdk(
      '@opentelemetry/exporter-trace-otlp-proto',
      async () => import('@opentelemetry/exporter-trace-otlp-proto'),
    );
    spanProcessors.push(new traceSdk.BatchSpanProcessor(new OTLPTraceExporter()));
  }
  const readers: IMetricReader[] = [...options.metricReaders];
  if (environment.metrics) {
    const { OTLPMetricExporter } = await loadSdk(
      '@opentelemetry/exporter-metrics-otlp-proto',
      async () => import('@opentelemetry/exporter-metrics-otlp-proto'),
    );
    readers.push(
      new metricSdk.PeriodicExportingMetricReader({
        exporter: new OTLPMetricExporter(),
        cardinalityLimits: { default: options.seriesLimit },
        ...environment.metricTimes,
      }),
    );
  }
  let scraper: Scraper | undefined;
  if (options.prometheus) {
    scraper = await makeScraper(options.seriesLimit, log);
    readers.push(scraper.reader);
  }
  return setGlobal({
    tracer: new traceSdk.NodeTracerProvider({ resource, spanProcessors }),
    meter: new metricSdk.MeterProvider({ resource, readers }),
    tracing: spanProcessors.length > 0,
    scraper,
    log,
  });
}

interface Made {
  readonly tracer: NodeTracerProvider;
  readonly meter: MeterProvider;
  readonly tracing: boolean;
  readonly scraper: Scraper | undefined;
  readonly log: Log;
}

async function setGlobal({ tracer, meter, tracing, scraper, log }: Made): Promise<Providers> {
  const ownTracer = trace.setGlobalTracerProvider(tracer);
  if (ownTracer) {
    // `register` sets the W3C propagator too, but does not say whether the place was free. No context manager: Vivace passes each
    // call's trace on by itself, and one would cost every asynchronous operation of the process.
    trace.disable();
    tracer.register({ contextManager: null });
  } else {
    log.info('the process has a tracer provider already: it receives the spans');
    await tracer.shutdown();
  }
  const ownMeter = metrics.setGlobalMeterProvider(meter);
  if (!ownMeter) {
    log.warn(
      'the process has a meter provider already: it receives the metrics, and there are none to scrape here',
    );
    await meter.shutdown();
  }
  const ownDiagnostics = setDiagnostics(log);
  const own = [...(ownTracer ? [tracer] : []), ...(ownMeter ? [meter] : [])];
  return {
    tracing: tracing || !ownTracer,
    scrape: async () => (ownMeter ? scraper?.scrape() : undefined),
    flush: async () => {
      await Promise.all(own.map((provider) => provider.forceFlush()));
    },
    shutdown: async () => {
      // The global places first: nobody records into a provider that is shut down.
      if (ownTracer) trace.disable();
      if (ownMeter) metrics.disable();
      const outcomes = await Promise.allSettled(own.map((provider) => provider.shutdown()));
      if (ownDiagnostics) diag.disable();
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed !== undefined) {
        throw new VivaceError('UNAVAILABLE', 'the last telemetry was not handed over', {
          cause: failed.reason,
        });
      }
    },
  };
}

/** The SDK's own messages, such as that a receiver is out of reach, go to the log. */
function setDiagnostics(log: Log): boolean {
  const write = (message: string, ...details: unknown[]): void =>
    log.warn(message, details.length === 0 ? {} : { details: details.map(String) });
  const quiet = (): void => undefined;
  const logger = { error: write, warn: write, info: quiet, debug: quiet, verbose: quiet };
  return diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}
