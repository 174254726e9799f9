import type { Context as TraceContext } from '@opentelemetry/api';

/** What the caller of an operation passes on: when to give up, and the trace it belongs to. */
export interface CallContext {
  readonly signal: AbortSignal;
  /**
   * When `signal` will abort by itself, in `performance.now()` milliseconds, where that is known: for a vendor's SDK that knows time-outs
   * but no signals. A read that is shared with other callers may take longer than any one of them waits.
   */
  readonly deadline?: number | undefined;
  readonly trace?: TraceContext;
}

/** An operation may answer at once: a synchronous return stays synchronous. */
export type MaybePromise<T> = T | Promise<T>;
