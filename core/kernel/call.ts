import type { Context as TraceContext } from '@opentelemetry/api';

/** What the caller of an operation passes on: when to give up, and the trace it belongs to. */
export interface CallContext {
  readonly signal: AbortSignal;
  /**
   * When `signal` will abort by itself, in `performance.now()` milliseconds, where that is known: for vendors' SDKs that know time-outs but
   * no signals. A read that is shared with other callers may take longer than any one of them waits.
   */
  readonly deadline?: number | undefined;
  readonly trace?: TraceContext | undefined;
  /**
   * Traces that it belongs to besides its own: those of the other callers that a joined call answers, and that of the call from which
   * background work follows. Its span is linked to theirs.
   */
  readonly links?: readonly TraceContext[] | undefined;
  /**
   * The call is made even though the backend has been failing. This is for work that would rather wait than be refused, such as a
   * materialization.
   */
  readonly bypassBreaker?: boolean | undefined;
}

/** Who makes a call, as the transport or host that admitted it found out. */
export interface Caller {
  /** A stable name, such as a service account or the owner of a key. */
  readonly id: string;
  readonly [claim: string]: unknown;
}

/** What a call is made of. */
export interface CallFields {
  /** The caller's own id for the call, where it gave one; repeated in answers and logs. */
  readonly requestId: string;
  /** A function is called only when the signal is needed: most calls need none of their own. */
  readonly signal: AbortSignal | (() => AbortSignal);
  readonly deadline?: number | undefined;
  /** When the call arrived, in `performance.now()` milliseconds: over HTTP when its head was there. Default: when the call is made. */
  readonly arrivedAt?: number | undefined;
  readonly trace?: TraceContext | undefined;
  readonly caller?: Caller | undefined;
}

/**
 * One call from outside, from its arrival until it is answered. It goes through admission, the data plane and the run of a pipeline, and
 * parts get it as their `CallContext`. Code that needs another deadline, signal or trace derives a call and does not copy it.
 */
export class Call implements CallContext {
  readonly requestId: string;
  readonly deadline: number | undefined;
  /** In `performance.now()` milliseconds. A pipeline's deadline, and the time that a request took, are counted from here. */
  readonly arrivedAt: number;
  readonly trace: TraceContext | undefined;
  readonly caller: Caller | undefined;
  readonly #signal: AbortSignal | (() => AbortSignal);
  #added: object | undefined;

  constructor({ requestId, signal, deadline, arrivedAt, trace, caller }: CallFields) {
    this.requestId = requestId;
    this.#signal = signal;
    this.deadline = deadline;
    this.arrivedAt = arrivedAt ?? performance.now();
    this.trace = trace;
    this.caller = caller;
  }

  get signal(): AbortSignal {
    return typeof this.#signal === 'function' ? this.#signal() : this.#signal;
  }

  /**
   * This call with some fields changed, and with more fields where an operation takes them, such as the `rows` of a prediction. Fields
   * that were added before stay.
   */
  derive<C extends object = object>(
    change: Partial<CallFields> & C,
  ): this & Readonly<Omit<C, keyof CallFields>> {
    const { requestId, signal, deadline, arrivedAt, trace, caller, ...more } = change;
    const derived = new Call({
      requestId: requestId ?? this.requestId,
      signal: signal ?? this.#signal,
      deadline: deadline ?? this.deadline,
      arrivedAt: arrivedAt ?? this.arrivedAt,
      trace: trace ?? this.trace,
      caller: caller ?? this.caller,
    });
    const added = this.#added === undefined ? more : { ...this.#added, ...more };
    for (const _ in added) {
      derived.#added = added;
      Object.assign(derived, added);
      break;
    }
    return derived as this & Readonly<Omit<C, keyof CallFields>>;
  }

  /** This call, ending `durationMs` milliseconds after it arrived at the latest. */
  within(durationMs: number): this {
    const deadline = this.arrivedAt + durationMs;
    return this.derive({ deadline: Math.min(deadline, this.deadline ?? Infinity) });
  }
}

/** The context of an operation with some fields changed: a call is derived, anything else is copied. */
export function derivedContext(context: CallContext, change: Partial<CallContext>): CallContext {
  if (context instanceof Call) return context.derive(change);
  // Named explicitly, because a signal may be a getter of a class, which a spread does not copy.
  return { ...context, signal: context.signal, ...change };
}

/** How long a call may still take, milliseconds; `Infinity` where it has no deadline. */
export function timeLeftMs({ deadline }: CallContext): number {
  return deadline === undefined ? Infinity : deadline - performance.now();
}

/** A context as seen from inside a span. Links belong to that span, not to the spans below it. */
export function contextWithin(context: CallContext, trace: TraceContext): CallContext {
  return derivedContext(context, context.links === undefined ? { trace } : { trace, links: undefined });
}

/** An operation may answer at once: a synchronous return stays synchronous. */
export type MaybePromise<T> = T | Promise<T>;
