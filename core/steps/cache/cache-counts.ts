/** Rows of one cached step, counted for metrics. */
export interface CacheCounts {
  readonly step: string;
  hits: number;
  misses: number;
}
