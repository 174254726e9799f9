import {
  context as contextApi,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
} from '@opentelemetry/api';
import { around } from './around.js';
import { attributeNames } from './attribute-names.js';
import { abortError, codeOf, errorCodes, messageOf, type ErrorCode } from './errors.js';
import { onAbort } from './on-abort.js';
import { tracer } from './instrumentation.js';
import { isThenable } from './thenable.js';

/** A span to be started, and its parent. */
export interface SpanSpec {
  readonly name: string;
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** The parent; default: the active context, which is the caller's own where the process has a context manager. */
  readonly parent?: Context | undefined;
  /** Traces that it belongs to without being their child. */
  readonly links?: readonly Context[] | undefined;
  /** The work's signal: callers stop waiting for the work when it aborts. It is asked for only where the work does not answer at once. */
  readonly signal?: (() => AbortSignal) | undefined;
  /** The code of what the work throws; default: that of a `VivaceError`, and INTERNAL. */
  codeOf?(error: unknown): ErrorCode;
  /** Called when the work has succeeded, before the span ends. */
  ended?(span: Span): void;
}

/**
 * Runs `work` within a new span, which ends with it: when it returns, when its promise settles, soon after its signal aborts, or when the
 * iterable that it returned has ended. The span is active while the work runs, so that spans of other libraries are its children.
 */
export function withinSpan<T>(spec: SpanSpec, work: (inside: Context, span: Span) => T): T {
  const { name, kind = SpanKind.INTERNAL, attributes = {}, parent = contextApi.active() } = spec;
  const links = (spec.links ?? [])
    .flatMap((linked) => trace.getSpanContext(linked) ?? [])
    .map((context) => ({ context }));
  const span = tracer().startSpan(name, { kind, attributes, links }, parent);
  const inside = trace.setSpan(parent, span);
  let hasEnded = false;
  let unwatch: (() => void) | undefined;
  const end = (failure?: Failure): void => {
    if (hasEnded) return;
    hasEnded = true;
    unwatch?.();
    if (failure === undefined) spec.ended?.(span);
    else failSpan(span, failure.error, { kind, code: (spec.codeOf ?? codeOf)(failure.error) });
    span.end();
  };
  let isIterated = false;
  return around(
    () => {
      const answer = contextApi.with(inside, () => work(inside, span));
      isIterated = isAsyncIterable(answer);
      if (isThenable(answer)) unwatch = endWithSignal(spec.signal?.(), end);
      return isIterated ? (iterate(answer as AsyncIterable<unknown>, inside, end) as T) : answer;
    },
    (failure) => {
      if (!isIterated) end(failure);
    },
  );
}

/**
 * Ends a span soon after its signal aborts. Work that does not heed the signal may never end, and its span, which tells where the time
 * went, would not be exported. Work that heeds it gets the time to say itself why it ended.
 *
 * @returns A function that stops the watch.
 */
function endWithSignal(
  signal: AbortSignal | undefined,
  end: (failure: Failure) => void,
): (() => void) | undefined {
  if (signal === undefined) return undefined;
  const aborted = (): void => void setImmediate(() => end({ error: abortError(signal) }));
  if (signal.aborted) {
    aborted();
    return undefined;
  }
  return onAbort(signal, aborted);
}

interface Failure {
  readonly error: unknown;
}

/**
 * Says what failed: `error.type` is its code. A failure that the caller caused, such as a wrong request, leaves the status unset, as a 4xx
 * does over HTTP. For a call that goes out to a backend, every failure counts, except that its caller has left.
 */
function failSpan(span: Span, error: unknown, { kind, code }: { kind: SpanKind; code: ErrorCode }): void {
  span.setAttribute(attributeNames.errorType, code);
  const isFault = kind === SpanKind.CLIENT ? code !== 'CANCELLED' : errorCodes[code].http >= 500;
  if (!isFault) return;
  span.recordException(error instanceof Error ? error : String(error));
  span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
}

/** A generator does its work while it is iterated. */
async function* iterate<T>(
  source: AsyncIterable<T>,
  inside: Context,
  end: (failure?: Failure) => void,
): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  let failure: Failure | undefined;
  let isDone = false;
  try {
    for (;;) {
      const next = await contextApi.with(inside, () => iterator.next());
      if (next.done === true) {
        isDone = true;
        return;
      }
      yield next.value;
    }
  } catch (error) {
    failure = { error };
    throw error;
  } finally {
    await closing(async () => (isDone || failure !== undefined ? undefined : iterator.return?.()), end);
    end(failure);
  }
}

/** Closes the iterator; where that fails, the span ends with the failure. */
async function closing(close: () => Promise<unknown>, end: (failure: Failure) => void): Promise<void> {
  try {
    await close();
  } catch (error) {
    end({ error });
    throw error;
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
