import { metrics, type Histogram } from '@opentelemetry/api';
import { metricNames } from '../../kernel/metric-names.js';

export interface PipelineInstruments {
  readonly requestDuration: Histogram;
  readonly stepDuration: Histogram;
  readonly requestObjects: Histogram;
}

/** Seconds: from well under a millisecond, where a cached answer lies, to the longest deadline in use. */
const durationBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const objectBuckets = [0, 1, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

/** The instruments of requests; asked for at the first request, when a telemetry part has set its provider. */
export function pipelineInstruments(): PipelineInstruments {
  const meter = metrics.getMeter('vivace');
  const histogram = (
    { name, unit, description }: { name: string; unit: string; description: string },
    buckets: number[],
  ): Histogram =>
    meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries: buckets } });
  return {
    requestDuration: histogram(metricNames.requestDuration, durationBuckets),
    stepDuration: histogram(metricNames.stepDuration, durationBuckets),
    requestObjects: histogram(metricNames.requestObjects, objectBuckets),
  };
}
