import { metrics, type Histogram } from '@opentelemetry/api';
import { injectable } from 'inversify';
import { metricNames } from '../../kernel/metric-names.js';

/** Seconds: from well under a millisecond, where a cached answer lies, to the longest deadline in use. */
const durationBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const objectBuckets = [0, 1, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

/** The instruments of requests; each is made at its first use, when a telemetry part has set its provider. */
@injectable()
export class Instruments {
  #requestDuration: Histogram | undefined;
  #stepDuration: Histogram | undefined;
  #requestObjects: Histogram | undefined;

  get requestDuration(): Histogram {
    return (this.#requestDuration ??= histogram(metricNames.requestDuration, durationBuckets));
  }

  get stepDuration(): Histogram {
    return (this.#stepDuration ??= histogram(metricNames.stepDuration, durationBuckets));
  }

  get requestObjects(): Histogram {
    return (this.#requestObjects ??= histogram(metricNames.requestObjects, objectBuckets));
  }
}

function histogram(
  { name, unit, description }: { name: string; unit: string; description: string },
  buckets: number[],
): Histogram {
  const advice = { explicitBucketBoundaries: buckets };
  return metrics.getMeter('vivace').createHistogram(name, { unit, description, advice });
}
