import { metrics, type Attributes, type Histogram, type Meter } from '@opentelemetry/api';
import assert from 'node:assert/strict';

/** A value that was recorded in a histogram. */
export interface RecordedValue {
  readonly name: string;
  readonly value: number;
  readonly attributes: Attributes;
}

/** Records what goes into histograms while `use` runs. The process must have no meter provider. */
export async function recordHistograms(
  use: (values: readonly RecordedValue[]) => Promise<void>,
): Promise<void> {
  const values: RecordedValue[] = [];
  const createHistogram = (name: string): Histogram => ({
    record: (value, attributes = {}) => void values.push({ name, value, attributes }),
  });
  const meter = Object.assign(Object.create(metrics.getMeter('vivace')) as Meter, { createHistogram });
  assert.ok(
    metrics.setGlobalMeterProvider({ getMeter: () => meter }),
    'the contract records metrics itself: unset the meter provider of the process',
  );
  try {
    await use(values);
  } finally {
    metrics.disable();
  }
}
