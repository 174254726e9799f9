import type { Histogram } from '@opentelemetry/api';
import { meter } from './instrumentation.js';

/** Seconds: from a tenth of a millisecond, about what a cached answer takes, to the longest deadline in use. */
const durations = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Things that are counted, such as rows and objects. */
const counts = [0, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

/** Bytes: 256 to 1 GiB, in steps of four. */
const bytes = Array.from({ length: 12 }, (_, i) => 256 * 4 ** i);

export interface HistogramSpec {
  readonly name: string;
  /** In UCUM. */
  readonly unit?: string | undefined;
  readonly description?: string | undefined;
  /** Upper bounds of the buckets, ascending; default: by the unit. */
  readonly bounds?: readonly number[] | undefined;
}

/** A histogram whose buckets suit its unit; those of the SDK suit milliseconds. */
export function createHistogram({ name, unit, description, bounds }: HistogramSpec): Histogram {
  const buckets = bounds ?? boundsOf(unit);
  return meter().createHistogram(name, {
    ...(unit === undefined ? {} : { unit }),
    ...(description === undefined ? {} : { description }),
    ...(buckets === undefined ? {} : { advice: { explicitBucketBoundaries: [...buckets] } }),
  });
}

/**
 * The upper bounds of a histogram's buckets, by the unit of its values (UCUM): `s`, `By`, or something counted, such as `{row}`.
 *
 * @returns `undefined` for any other unit: the SDK's own bounds hold then.
 */
function boundsOf(unit: string | undefined): readonly number[] | undefined {
  if (unit === 's') return durations;
  if (unit === 'By') return bytes;
  return unit?.startsWith('{') === true ? counts : undefined;
}
