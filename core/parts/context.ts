import type { Attributes } from '@opentelemetry/api';
import type { LogLevel } from '../ports/log-sink.js';
import type { Admission } from '../kernel/admission.js';
import type { CallContext } from '../kernel/call.js';
import type { CallTracer } from '../kernel/call-tracer.js';

/** Time as parts see it, so that tests can give their own. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Milliseconds that only grow, from an arbitrary start. */
  monotonic(): number;
}

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Fields that go with a message; `error` and `trace` have places of their own in a record. */
export type LogFields = Readonly<Record<string, unknown>> & {
  readonly error?: unknown;
  readonly trace?: CallContext['trace'];
};

export interface MetricOptions {
  /** In UCUM: `s`, `By`, `{row}`. */
  readonly unit?: string;
  readonly description?: string;
}

export interface HistogramOptions extends MetricOptions {
  /**
   * Upper bounds of the buckets, ascending. Default by the unit: 0.1 ms to 10 s for `s`, 256 to 1 GiB for `By`, 0 to 10,000 for counts,
   * such as `{row}`; for any other unit, those of the SDK.
   */
  readonly bounds?: readonly number[];
}

export interface Counter {
  add(value: number, attributes?: Attributes): void;
}

export interface Histogram {
  record(value: number, attributes?: Attributes): void;
}

/**
 * What a part gets besides its options and the parts in its slots. Background work belongs to the lifecycle: it is awaited and stopped with
 * the part, and a failure is logged, never lost.
 */
export interface PartContext {
  /** The part's name in the configuration. */
  readonly name: string;
  /** Relative paths in options are resolved from here. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Decides whether the server takes one more call: for parts that take calls over a network. */
  readonly admission: Admission;
  /** A metric `vivace.<name>`; the part's name is an attribute of every value, `vivace.part`. */
  counter(name: string, options?: MetricOptions): Counter;
  histogram(name: string, options?: HistogramOptions): Histogram;
  gauge(name: string, options: MetricOptions, read: () => number): void;
  /** Spans of the part's own, besides those of its operations; each has the part's name as `vivace.part`. */
  readonly tracer: CallTracer;
  /** Runs `task` every `intervalMs`, never twice at once, from the part's start to its stop. */
  every(intervalMs: number, task: (context: CallContext) => void | Promise<void>): void;
  /**
   * Runs `task` once in the background; `stop` aborts its signal and waits for it. It belongs to no call, and its spans begin a trace of
   * their own.
   *
   * @param follows The call that it follows from, such as one whose result it stores: its spans are linked to that call's.
   */
  run(task: (context: CallContext) => Promise<void>, follows?: CallContext): void;
  /**
   * Runs `task` after a call has ended, to remove what the call left in a backend. The task has five seconds, is awaited before the part's
   * `stop` and may begin while calls are still ending there; a failure is logged.
   *
   * @param what What remains where it fails, for the log: `the parts of a broken upload`.
   * @returns Resolves when it has ended, whether it succeeded or failed.
   */
  cleanUp(what: string, task: (context: CallContext) => Promise<unknown>): Promise<void>;
  /** Resolves after `durationMs`, or at once when the signal aborts. */
  delay(durationMs: number, signal?: AbortSignal): Promise<void>;
}

export const logLevelsOf = (write: (level: LogLevel, message: string, fields?: LogFields) => void): Log => ({
  debug: (message, fields) => write('debug', message, fields),
  info: (message, fields) => write('info', message, fields),
  warn: (message, fields) => write('warn', message, fields),
  error: (message, fields) => write('error', message, fields),
});
