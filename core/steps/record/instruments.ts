import type { Histogram } from '@opentelemetry/api';
import { injectable } from 'inversify';
import { createHistogram } from '../../kernel/create-histogram.js';
import { metricNames } from '../../kernel/metric-names.js';

/** The instruments of requests; each is made at its first use, when a telemetry part has set its provider. */
@injectable()
export class Instruments {
  #requestDuration: Histogram | undefined;
  #stepDuration: Histogram | undefined;
  #requestObjects: Histogram | undefined;

  get requestDuration(): Histogram {
    return (this.#requestDuration ??= createHistogram(metricNames.requestDuration));
  }

  get stepDuration(): Histogram {
    return (this.#stepDuration ??= createHistogram(metricNames.stepDuration));
  }

  get requestObjects(): Histogram {
    return (this.#requestObjects ??= createHistogram(metricNames.requestObjects));
  }
}
