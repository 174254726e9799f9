import { memory } from 'vivace/adapters/memory';
import { cache } from 'vivace/plugins/cache';

/** A cache in memory. */
export const caches = { ram: { use: memory }, recent: { use: cache, store: 'ram' } };
/** What steps say to be kept in it. */
export const kept = { in: 'recent', ttlMs: 1000 };

/** A clock that stands until the test moves it. */
export class StandingClock {
  ms = 1_000_000;
  now = (): number => this.ms;
  monotonic = (): number => this.ms;
}

/** Lets the cache write in the background. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
