import {
  context,
  createContextKey,
  diag,
  DiagLogLevel,
  metrics,
  ROOT_CONTEXT,
  trace,
} from '@opentelemetry/api';
import type { IMetricReader, MeterProvider } from '@opentelemetry/sdk-metrics';
import type { NodeTracerProvider, SpanProcessor } from '@opentelemetry/sdk-trace-node';
import { VivaceError, type Log } from 'vivace';
import { loadSdk, readingFor } from 'vivace/kit';
import { readEnvironment } from './environment.js';
import type { OpenTelemetryOptions } from './opentelemetry.js';
import { makeResource } from './resource.js';
import { makeScraper, type Scraper } from './scraper.js';

/** What this process hands its telemetry to. */
export interface Providers {
  /** The metrics as Prometheus text; `undefined` where that is switched off. */
  scrape(): Promise<string | undefined>;
  flush(): Promise<void>;
  shutdown(): Promise<void>;
}

/** Makes the providers and makes them the global ones, unless a host application has set its own, which then stand. */
export async function makeProviders(options: OpenTelemetryOptions, log: Log): Promise<Providers> {
  const environment = readEnvironment(process.env);
  const resource = await makeResource(options);
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
  for (const reader of readers) tellApart(reader);
  return setGlobal({
    tracer: new traceSdk.NodeTracerProvider({ resource, spanProcessors }),
    meter: new metricSdk.MeterProvider({ resource, readers }),
    tracing: spanProcessors.length > 0,
    contextManager: options.contextManager,
    scraper,
    log,
  });
}

/** Tells core who reads: the longest lag since the last reading, for one, is another one for each reader. */
function tellApart(reader: IMetricReader): void {
  const collect = reader.collect.bind(reader);
  reader.collect = (options) => readingFor(reader, () => collect(options));
}

interface Made {
  readonly tracer: NodeTracerProvider;
  readonly meter: MeterProvider;
  /** Somebody takes spans. */
  readonly tracing: boolean;
  readonly contextManager: boolean;
  readonly scraper: Scraper | undefined;
  readonly log: Log;
}

async function setGlobal({ tracer, meter, scraper, log, ...made }: Made): Promise<Providers> {
  const ownTracer = trace.setGlobalTracerProvider(tracer);
  const ownContexts = ownTracer && made.tracing && made.contextManager && !hasContextManager();
  if (ownTracer) {
    // `register` sets the W3C propagator too, but does not say whether the place was free.
    trace.disable();
    tracer.register(ownContexts ? {} : { contextManager: null });
    // With a provider there would be spans, and nobody takes any.
    if (!made.tracing) trace.disable();
  } else {
    log.info('the process has a tracer provider already: it receives the spans');
    await tracer.shutdown();
  }
  const ownMeter = metrics.setGlobalMeterProvider(meter);
  if (!ownMeter) {
    log.warn(
      'the process has a meter provider already: it receives the metrics, so there are none to scrape here',
    );
    await meter.shutdown();
  }
  const ownDiagnostics = setDiagnostics(log);
  const own = [...(ownTracer ? [tracer] : []), ...(ownMeter ? [meter] : [])];
  return {
    scrape: async () => (ownMeter ? scraper?.scrape() : undefined),
    flush: async () => {
      await Promise.all(own.map((provider) => provider.forceFlush()));
    },
    shutdown: async () => {
      // The global places first: nobody records into a provider that is shut down.
      if (ownTracer) trace.disable();
      if (ownContexts) context.disable();
      if (ownMeter) metrics.disable();
      const outcomes = await Promise.allSettled(own.map((provider) => provider.shutdown()));
      if (ownDiagnostics) diag.disable();
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed !== undefined) {
        throw new VivaceError('UNAVAILABLE', 'the last telemetry was not delivered', {
          cause: failed.reason,
        });
      }
    },
  };
}

/** The API does not say whether a context manager is set; without one, no context is ever active. */
function hasContextManager(): boolean {
  const key = createContextKey('vivace.probe');
  return context.with(ROOT_CONTEXT.setValue(key, true), () => context.active().getValue(key) === true);
}

/** The SDK's own messages, such as that a receiver is out of reach, go to the log. */
function setDiagnostics(log: Log): boolean {
  const write = (message: string, ...details: unknown[]): void =>
    log.warn(message, details.length === 0 ? {} : { details: details.map(String) });
  const quiet = (): void => undefined;
  const logger = { error: write, warn: write, info: quiet, debug: quiet, verbose: quiet };
  return diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}
