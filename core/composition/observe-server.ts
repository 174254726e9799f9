import type { Attributes, BatchObservableCallback, Observable } from '@opentelemetry/api';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { ModelVersion } from '../ports/model-repository.js';
import type { PipelineCounters } from '../steps/counters.js';
import { attributeNames } from '../kernel/attribute-names.js';
import { meter as vivaceMeter } from '../kernel/instrumentation.js';
import { metricNames } from '../kernel/metric-names.js';

/** What the server shows when metrics are collected. */
export interface ObservedServer {
  inFlight(): number;
  ready(): boolean;
  models(): readonly (ModelVersion & { readonly predictor: string })[];
  pipelines(): Iterable<{
    readonly name: string;
    readonly counters: PipelineCounters;
  }>;
}

/**
 * Registers the instruments that are read when metrics are collected.
 *
 * @returns A function that takes them away again.
 */
export function observeServer(server: ObservedServer): () => void {
  const meter = vivaceMeter();
  const gauge = (of: { name: string; unit: string; description: string }): Observable =>
    meter.createObservableGauge(of.name, of);
  const counter = (of: { name: string; unit: string; description: string }): Observable =>
    meter.createObservableCounter(of.name, of);
  const inFlight = gauge(metricNames.requestsInFlight);
  const ready = gauge(metricNames.ready);
  const lag = gauge(metricNames.eventLoopLag);
  const info = gauge(metricNames.modelInfo);
  const cells = counter(metricNames.featureCells);
  const rows = counter(metricNames.featureRows);
  const hits = counter(metricNames.cacheHits);
  const misses = counter(metricNames.cacheMisses);
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const observables = [inFlight, ready, lag, info, cells, rows, hits, misses];
  const read: BatchObservableCallback = (result) => {
    result.observe(inFlight, server.inFlight());
    result.observe(ready, server.ready() ? 1 : 0);
    result.observe(lag, delay.percentile(99) / 1e9);
    delay.reset();
    for (const { predictor, name, version } of server.models())
      result.observe(info, 1, {
        [attributeNames.part]: predictor,
        [attributeNames.modelName]: name,
        [attributeNames.modelVersion]: version,
      });
    for (const { name, counters } of server.pipelines()) {
      const pipeline: Attributes = { [attributeNames.pipeline]: name };
      const { features, caches } = counters;
      for (const { value, attributes } of features.cells())
        result.observe(cells, value, { ...pipeline, ...attributes });
      for (const { value, attributes } of features.rows())
        result.observe(rows, value, { ...pipeline, ...attributes });
      for (const { step, hits: hit, misses: miss } of caches) {
        const attributes = { ...pipeline, [attributeNames.step]: step };
        result.observe(hits, hit, attributes);
        result.observe(misses, miss, attributes);
      }
    }
  };
  meter.addBatchObservableCallback(read, observables);
  return () => {
    delay.disable();
    meter.removeBatchObservableCallback(read, observables);
  };
}
