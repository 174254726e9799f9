import type { Attributes, BatchObservableCallback, Observable } from '@opentelemetry/api';
import type { ContractDifference } from '../ports/control-plane.js';
import type { ModelVersion } from '../ports/model-repository.js';
import { refusalReasons, type ServerAdmission } from '../kernel/admission.js';
import type { PipelineCounters } from '../steps/counters.js';
import { attributeNames } from '../kernel/attribute-names.js';
import { meter as vivaceMeter } from '../kernel/instrumentation.js';
import { currentReader } from '../kernel/metric-reader.js';
import { metricNames } from '../kernel/metric-names.js';
import { pushOutcomes, type PushCounts } from './push-counters.js';

/** What the server shows when metrics are collected. */
export interface ObservedServer {
  readonly admission: Pick<ServerAdmission, 'lag' | 'refusals'>;
  inFlight(): number;
  ready(): boolean;
  models(): readonly (ModelVersion & { readonly predictor: string })[];
  contracts(): readonly ContractDifference[];
  pushed(): Iterable<readonly [view: string, counts: PushCounts]>;
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
  const contracts = gauge(metricNames.modelContractDiffers);
  const cells = counter(metricNames.featureCells);
  const rows = counter(metricNames.featureRows);
  const hits = counter(metricNames.cacheHits);
  const misses = counter(metricNames.cacheMisses);
  const pushed = counter(metricNames.pushedRows);
  const refusals = counter(metricNames.admissionRefusals);
  const cpuTime = counter(metricNames.processCpuTime);
  const memory = meter.createObservableUpDownCounter(
    metricNames.processMemory.name,
    metricNames.processMemory,
  );
  const uptime = gauge(metricNames.processUptime);
  const ofServer = [inFlight, ready, lag, refusals, info, contracts, cells, rows, hits, misses, pushed];
  const observables = [...ofServer, cpuTime, memory, uptime];
  const read: BatchObservableCallback = (result) => {
    result.observe(inFlight, server.inFlight());
    result.observe(ready, server.ready() ? 1 : 0);
    result.observe(lag, server.admission.lag.longestFor(currentReader()) / 1000);
    for (const reason of refusalReasons)
      result.observe(refusals, server.admission.refusals[reason], { [attributeNames.reason]: reason });
    const { user, system } = process.cpuUsage();
    result.observe(cpuTime, user / 1e6, { [attributeNames.cpuMode]: 'user' });
    result.observe(cpuTime, system / 1e6, { [attributeNames.cpuMode]: 'system' });
    result.observe(memory, process.memoryUsage.rss());
    result.observe(uptime, process.uptime());
    for (const { predictor, name, version } of server.models())
      result.observe(info, 1, {
        [attributeNames.part]: predictor,
        [attributeNames.modelName]: name,
        [attributeNames.modelVersion]: version,
      });
    for (const { pipeline, step, predictor, view } of server.contracts())
      result.observe(contracts, 1, {
        [attributeNames.pipeline]: pipeline,
        [attributeNames.step]: step,
        [attributeNames.part]: predictor,
        [attributeNames.view]: view,
      });
    for (const [view, counts] of server.pushed())
      for (const outcome of pushOutcomes)
        result.observe(pushed, counts[outcome], {
          [attributeNames.view]: view,
          [attributeNames.outcome]: outcome,
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
    meter.removeBatchObservableCallback(read, observables);
  };
}
