import type { Frame } from '../data/frame.js';
import type { ModelVersion } from '../ports/model-repository.js';
import type { CallContext } from '../kernel/call.js';

/** Rows of one fetch that are not what the source holds, and why. */
export interface Degradation {
  readonly step: string;
  readonly status: 'MISSING' | 'STALE' | 'FAILED';
  readonly rows: number;
  /** The outage's code, where the status is FAILED. */
  readonly code?: string;
}

/** One run of a pipeline: its data, when it must end, and what it says of itself. */
export interface RunContext extends CallContext {
  readonly frame: Frame;
  /** For fetches: aborts while there is still time to answer with what the pipeline declares instead. */
  fetchSignal(): AbortSignal;
  /** When `fetchSignal` aborts by itself; see `CallContext.deadline`. */
  readonly fetchDeadline?: number;
  readonly degraded: Degradation[];
  /** Per predict step, by alias. */
  readonly models: Map<string, ModelVersion>;
  /** Seconds per node, by id; absent where nobody records. */
  readonly durations: Float64Array | undefined;
}

/** A node as the executors run it. */
export interface NodeStep {
  run(context: RunContext): void | Promise<void>;
}

/** A step around the whole run. */
export interface AroundStep {
  run(context: RunContext, next: () => void | Promise<void>): void | Promise<void>;
}
