import { microsPerDay, microsPerHour } from '../kernel/time.js';

/** How long a window of aggregates is: full UTC days, or full UTC hours. */
export type Window = { readonly windowDays: number } | { readonly windowHours: number };

/** The number of days or hours of a window. */
export function windowLength(window: Window): number {
  return 'windowDays' in window ? window.windowDays : window.windowHours;
}

/** What a window counts, microseconds: a day or an hour. All windows of a view count the same. */
export function windowGrain(window: Window): number {
  return 'windowDays' in window ? microsPerDay : microsPerHour;
}

/** The end of the name of a feature that is one of several windows: `_7d`, `_6h`. */
export function windowSuffix(window: Window): string {
  return `_${windowLength(window)}${'windowDays' in window ? 'd' : 'h'}`;
}
