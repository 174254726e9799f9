import type { MetricReader } from '@opentelemetry/sdk-metrics';
import { type Log } from 'vivace';
import { loadSdk } from 'vivace/kit';

/** Collects metrics when it is asked to, and writes them as Prometheus text. */
export interface Scraper {
  readonly reader: MetricReader;
  scrape(): Promise<string>;
}

/** Makes a scraper. The exporter's own HTTP server stays out of it: the operations plugin answers on any server. */
export async function makeScraper(seriesLimit: number, log: Log): Promise<Scraper> {
  const { MetricReader: Reader } = await loadSdk(
    '@opentelemetry/sdk-metrics',
    async () => import('@opentelemetry/sdk-metrics'),
  );
  const { PrometheusSerializer } = await loadSdk(
    '@opentelemetry/exporter-prometheus',
    async () => import('@opentelemetry/exporter-prometheus'),
  );
  class ScrapeReader extends Reader {
    protected override async onForceFlush(): Promise<void> {
      // There is nothing to hand over: a scraper fetches the metrics.
    }
    protected override async onShutdown(): Promise<void> {
      // Nor anything to close.
    }
  }
  const reader = new ScrapeReader({ cardinalitySelector: () => seriesLimit });
  const serializer = new PrometheusSerializer();
  return {
    reader,
    scrape: async () => {
      const { resourceMetrics, errors } = await reader.collect();
      for (const error of errors) log.warn('a metric could not be read', { error });
      return serializer.serialize(resourceMetrics);
    },
  };
}
