import type { ServiceIdentifier } from 'inversify';
import type { CacheCounts } from './cache/cache-counts.js';
import { FeatureCounters } from './feature-counters.js';

/** The counts of one pipeline's steps; the server's metrics read them when they are collected. */
export class PipelineCounters {
  readonly features = new FeatureCounters();
  readonly #caches: CacheCounts[] = [];

  get caches(): readonly CacheCounts[] {
    return this.#caches;
  }

  /** Room for one cached step. */
  cache(step: string): CacheCounts {
    const counts: CacheCounts = { step, hits: 0, misses: 0 };
    this.#caches.push(counts);
    return counts;
  }
}

/** The counters of the pipeline that a step belongs to. */
export const pipelineCounters: ServiceIdentifier<PipelineCounters> = Symbol.for('vivace.pipeline-counters');
