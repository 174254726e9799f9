import { windowGrain, windowLength, type FeatureView } from 'vivace';
import type { AggregateOrigin } from './measures.js';

/** The longest window of a view of aggregates, in what its windows count. */
export function longestOf(view: FeatureView): number {
  return Math.max(...view.features.map(({ origin }) => windowLength(origin as AggregateOrigin)));
}

/** What the windows of a view of aggregates count, microseconds: a day or an hour. */
export function grainOf(view: FeatureView): number {
  return windowGrain(view.features[0]!.origin as AggregateOrigin);
}

/** The beginning of the day, or the hour, of a moment: what a view of aggregates has counted by then lies before it. Microseconds. */
export function beginOf(view: FeatureView, moment: number): number {
  const grain = grainOf(view);
  return Math.floor(moment / grain) * grain;
}
