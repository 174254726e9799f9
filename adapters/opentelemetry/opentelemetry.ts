import type { MetricReader } from '@opentelemetry/sdk-metrics';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node';
import { defineAdapter, telemetry } from 'vivace';
import { z } from 'zod';
import { OpenTelemetry } from './telemetry.js';

export const openTelemetryOptions = z.strictObject({
  serviceName: z
    .string()
    .min(1)
    .optional()
    .describe('resource attribute service.name; default: OTEL_SERVICE_NAME, then `vivace`'),
  serviceVersion: z
    .string()
    .min(1)
    .optional()
    .describe(
      'resource attribute service.version; default: service.version of OTEL_RESOURCE_ATTRIBUTES, then the version of Vivace',
    ),
  prometheus: z
    .boolean()
    .default(true)
    .describe('offer the metrics in the Prometheus text format, for a scraper'),
  seriesLimit: z
    .int()
    .min(2)
    .default(10_000)
    .describe('the most attribute sets per metric; further ones are summed up under otel.metric.overflow'),
  contextManager: z
    .boolean()
    .default(true)
    .describe(
      'set up a context manager while spans are taken and the application has none, so that spans of other libraries (pg, undici, SDKs) hang below those of Vivace; it costs some time at every asynchronous operation',
    ),
  spanProcessors: z
    .array(z.custom<SpanProcessor>((value) => hasMethod(value, 'onEnd')))
    .default([])
    .describe('further span processors, from code only'),
  metricReaders: z
    .array(z.custom<MetricReader>((value) => hasMethod(value, 'collect')))
    .default([])
    .describe('further metric readers, from code only'),
});

export type OpenTelemetryOptions = z.output<typeof openTelemetryOptions>;

function hasMethod(value: unknown, name: string): boolean {
  return typeof (value as Record<string, unknown> | null | undefined)?.[name] === 'function';
}

/** The OpenTelemetry SDK: metrics for a Prometheus scraper, and OTLP where the standard OTEL_ variables name a receiver. */
export const opentelemetry = defineAdapter({
  provides: telemetry,
  name: 'opentelemetry',
  sdk: {
    '@opentelemetry/resources': { min: '2.12.0' },
    '@opentelemetry/sdk-trace-node': { min: '2.12.0' },
    '@opentelemetry/sdk-metrics': { min: '2.12.0' },
    '@opentelemetry/exporter-prometheus': { min: '0.223.0' },
    // Asked for only where the OTEL_ variables are set.
    '@opentelemetry/exporter-trace-otlp-proto': { min: '0.223.0', optional: true },
    '@opentelemetry/exporter-metrics-otlp-proto': { min: '0.223.0', optional: true },
  },
  options: openTelemetryOptions,
  create: (options, _uses, context) => new OpenTelemetry(options, context.log),
});
