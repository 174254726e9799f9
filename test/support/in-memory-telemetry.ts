import { context as contextApi, metrics, propagation, trace } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  DataPointType,
  type MetricData,
  type ScopeMetrics,
} from '@opentelemetry/sdk-metrics';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-node';
import { assert } from 'chai';
import { defineAdapter, telemetry, type Definition } from 'vivace';
import { z } from 'zod';

/** Finished spans by name, and what hangs below what. */
export class Spans {
  readonly all: readonly ReadableSpan[];

  constructor(all: readonly ReadableSpan[]) {
    this.all = [...all];
  }

  named(name: string): ReadableSpan {
    return (
      this.all.find((span) => span.name === name) ??
      assert.fail(`no span ${name}: ${this.names().join(', ')}`)
    );
  }

  names(): string[] {
    return this.all.map(({ name }) => name);
  }

  /** The names from a span up to the outermost. */
  pathOf(name: string): string[] {
    const path: string[] = [];
    for (let span: ReadableSpan | undefined = this.named(name); span !== undefined;) {
      path.push(span.name);
      const id: string | undefined = span.parentSpanContext?.spanId;
      span = this.all.find((other) => other.spanContext().spanId === id);
    }
    return path;
  }
}

/** What an instrumentation does at a call of its library: a span in the active context. */
export const instrumented = (name: string): void => trace.getTracer('pg').startSpan(name).end();

/** A telemetry part, and what it got. */
export interface InMemoryTelemetry {
  readonly part: Definition;
  readonly spans: InMemorySpanExporter;
  /** What has ended so far, also when the server has stopped. */
  readonly finished: () => Spans;
  /** Every value of every metric. */
  readonly collected: () => Promise<readonly CollectedValue[]>;
  /** Name and version of what records metrics. */
  readonly scopes: () => Promise<readonly { readonly name: string; readonly version: string | undefined }[]>;
  /** The bounds of every histogram's buckets. */
  readonly bounds: () => Promise<ReadonlyMap<string, readonly number[]>>;
}

interface CollectedValue {
  readonly name: string;
  readonly value: unknown;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/**
 * OpenTelemetry's own in-memory exporters behind a telemetry part.
 *
 * @param contextManager Whether a context manager is there, as it is in an application with instrumentations.
 */
export function inMemory({ contextManager = false } = {}): InMemoryTelemetry {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60_000 });
  const meters = new MeterProvider({ readers: [reader] });
  const spans = new InMemorySpanExporter();
  const tracers = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
  let kept: Spans | undefined;
  const finished = (): Spans => kept ?? new Spans(spans.getFinishedSpans());
  const part = defineAdapter({
    provides: telemetry,
    name: 'in-memory',
    options: z.strictObject({}),
    create: () => ({
      start() {
        metrics.setGlobalMeterProvider(meters);
        if (contextManager) tracers.register();
        else trace.setGlobalTracerProvider(tracers);
      },
      async stop() {
        kept = finished();
        metrics.disable();
        trace.disable();
        contextApi.disable();
        propagation.disable();
        await Promise.all([meters.shutdown(), tracers.shutdown()]);
      },
      scrape: async () => undefined,
      flush: async () => undefined,
    }),
  });
  async function all(): Promise<readonly ScopeMetrics[]> {
    exporter.reset();
    await reader.forceFlush();
    return exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
  }
  const allMetrics = async (): Promise<readonly MetricData[]> =>
    (await all()).flatMap((scope) => scope.metrics);
  return {
    part,
    spans,
    finished,
    collected: async () =>
      (await allMetrics()).flatMap(({ descriptor: { name }, dataPoints }) =>
        dataPoints.map(({ value, attributes }) => ({ name, value, attributes: { ...attributes } })),
      ),
    scopes: async () => (await all()).map(({ scope: { name, version } }) => ({ name, version })),
    bounds: async () =>
      new Map(
        (await allMetrics()).flatMap((metric) =>
          metric.dataPointType === DataPointType.HISTOGRAM
            ? [[metric.descriptor.name, metric.dataPoints[0]!.value.buckets.boundaries] as const]
            : [],
        ),
      ),
  };
}
