import { openLoop, type OpenLoopOptions } from './open-loop.js';

/** What a bench has measured. Latencies are those of answered calls, from the moment at which each was due, milliseconds. */
export interface BenchReport {
  /** Calls per second that were wanted, and those that were answered. */
  readonly rate: number;
  readonly answersPerSecond: number;
  /** How long it took, seconds. */
  readonly seconds: number;
  readonly answered: number;
  /** Failed calls, in all and by the code of the error. */
  readonly failed: number;
  readonly failures: Readonly<Record<string, number>>;
  /** Calls that were in flight when the bench was interrupted. */
  readonly unfinished: number;
  /** Null where no call was answered. */
  readonly latencyMs: Readonly<Record<'min' | 'p50' | 'p90' | 'p95' | 'p99' | 'p999' | 'max', number>> | null;
}

/**
 * Measures how long calls take at a given rate, in an open loop.
 *
 * @param call Makes the call of an index, from 0; it gives up when `options.signal` aborts, and the report is then of the calls so far.
 */
export async function benchCalls(
  call: (index: number) => Promise<unknown>,
  options: OpenLoopOptions,
): Promise<BenchReport> {
  const { latenciesMs, failures, unfinished, seconds } = await openLoop(call, options);
  const sorted = Float64Array.from(latenciesMs).sort();
  return {
    rate: options.perSecond,
    answersPerSecond: sorted.length / seconds,
    seconds,
    answered: sorted.length,
    failed: Object.values(failures).reduce((sum, count) => sum + count, 0),
    failures,
    unfinished,
    latencyMs:
      sorted.length === 0
        ? null
        : {
            min: sorted[0]!,
            p50: percentile(sorted, 0.5),
            p90: percentile(sorted, 0.9),
            p95: percentile(sorted, 0.95),
            p99: percentile(sorted, 0.99),
            p999: percentile(sorted, 0.999),
            max: sorted.at(-1)!,
          },
  };
}

/** The least value that at least the given share of all does not exceed. */
function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]!;
}
