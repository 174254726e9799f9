import {
  context as contextApi,
  ROOT_CONTEXT,
  trace as traceApi,
  type Attributes,
  type ObservableCallback,
} from '@opentelemetry/api';
import { attributeNames } from '../kernel/attribute-names.js';
import { createHistogram } from '../kernel/create-histogram.js';
import { VivaceError } from '../kernel/errors.js';
import { meter } from '../kernel/instrumentation.js';
import type { Admission } from '../kernel/admission.js';
import type { LogLevel, LogRecord } from '../ports/log-sink.js';
import type { CallContext } from '../kernel/call.js';
import { callTracer, type CallTracer } from '../kernel/call-tracer.js';
import { pause, timeoutSignal } from '../kernel/timer.js';
import { untilAborted } from '../kernel/until-aborted.js';
import {
  logLevelsOf,
  type Clock,
  type Counter,
  type Histogram,
  type HistogramOptions,
  type LogFields,
  type MetricOptions,
  type PartContext,
} from './context.js';

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

/** How long cleaning up may take. */
const cleanUpMs = 5000;

/** Where log records go; core asks for it at each record, because a sink is itself a part that starts. */
export type WriteLog = (record: LogRecord) => void;

export interface PartSurroundings {
  readonly directory: string;
  readonly admission: Admission;
  readonly clock: Clock;
  readonly writeLog: WriteLog;
}

/** The context of one part, and control over its background work. */
export class OwnedContext implements PartContext {
  readonly name: string;
  readonly directory: string;
  readonly clock: Clock;
  readonly admission: Admission;
  readonly log;
  readonly tracer: CallTracer;
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #cleaning = new Set<Promise<void>>();
  readonly #periodic: (() => void)[] = [];
  readonly #gauges: (() => void)[] = [];
  #started = false;

  constructor(name: string, surroundings: PartSurroundings) {
    this.name = name;
    this.directory = surroundings.directory;
    this.clock = surroundings.clock;
    this.admission = surroundings.admission;
    this.tracer = callTracer({ [attributeNames.part]: name });
    this.log = logLevelsOf((level, message, fields) =>
      surroundings.writeLog(toRecord({ time: surroundings.clock.now(), level, message, part: name }, fields)),
    );
  }

  counter(name: string, options: MetricOptions = {}): Counter {
    const instrument = lazily(() => meter().createCounter(`vivace.${name}`, options));
    return { add: (value, attributes) => instrument().add(value, this.#withName(attributes)) };
  }

  histogram(name: string, options: HistogramOptions = {}): Histogram {
    const instrument = lazily(() => createHistogram({ ...options, name: `vivace.${name}` }));
    return { record: (value, attributes) => instrument().record(value, this.#withName(attributes)) };
  }

  gauge(name: string, options: MetricOptions, read: () => number): void {
    const observe: ObservableCallback = (result) => result.observe(read(), this.#withName());
    this.#onceStarted(() => {
      const instrument = meter().createObservableGauge(`vivace.${name}`, options);
      instrument.addCallback(observe);
      this.#gauges.push(() => instrument.removeCallback(observe));
    });
  }

  every(intervalMs: number, task: (context: CallContext) => void | Promise<void>): void {
    this.#onceStarted(() =>
      this.run(async ({ signal }) => {
        while (!signal.aborted) {
          await this.delay(intervalMs, signal);
          if (signal.aborted) return;
          try {
            await task({ signal });
          } catch (error) {
            if (!signal.aborted) this.log.warn('background task failed; it will run again', { error });
          }
        }
      }),
    );
  }

  run(task: (context: CallContext) => Promise<void>, follows?: CallContext): void {
    const { signal } = this.#stopping;
    if (signal.aborted) throw new VivaceError('UNAVAILABLE', `part "${this.name}" is stopping`);
    const links = follows?.trace === undefined ? {} : { links: [follows.trace] };
    const running = inBackground(async () => task({ signal, ...links }))
      .catch((error: unknown) => {
        if (!signal.aborted) this.log.error('background task failed', { error });
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  cleanUp(what: string, task: (context: CallContext) => Promise<unknown>): Promise<void> {
    const cleaning: Promise<void> = (async () => {
      try {
        const signal = timeoutSignal(cleanUpMs);
        // A part that stops waits for the task, whether or not the task heeds the signal.
        const context = { signal, deadline: performance.now() + cleanUpMs };
        await untilAborted(
          inBackground(() => task(context)),
          signal,
        );
      } catch (error) {
        this.log.warn(`${what} could not be cleaned up`, { error });
      }
    })().finally(() => this.#cleaning.delete(cleaning));
    this.#cleaning.add(cleaning);
    return cleaning;
  }

  async delay(durationMs: number, signal: AbortSignal = this.#stopping.signal): Promise<void> {
    await pause(durationMs, { signal });
  }

  /** Starts what waited for the part: periodic tasks and gauges. Does nothing where the part was stopped while it started. */
  begin(): void {
    if (this.#stopping.signal.aborted) return;
    this.#started = true;
    for (const start of this.#periodic.splice(0)) start();
  }

  /** Aborts background work and waits for it. */
  async end(): Promise<void> {
    for (const remove of this.#gauges.splice(0)) remove();
    this.#stopping.abort(new VivaceError('CANCELLED', `part "${this.name}" is stopping`));
    await Promise.all(this.#running);
  }

  /** Waits for the clean-up tasks. */
  async cleaned(): Promise<void> {
    await Promise.all(this.#cleaning);
  }

  #onceStarted(start: () => void): void {
    if (this.#started) start();
    else this.#periodic.push(start);
  }

  #withName(attributes?: Attributes): Attributes {
    return { [attributeNames.part]: this.name, ...attributes };
  }
}

/** A record from a message and its fields; `error` and `trace` have places of their own. */
export function toRecord(
  head: { time: number; level: LogLevel; message: string; part: string },
  fields: LogFields = {},
): LogRecord {
  const { error, trace, ...rest } = fields;
  const span = trace === undefined ? undefined : traceApi.getSpanContext(trace);
  return {
    ...head,
    ...(span === undefined ? {} : { traceId: span.traceId, spanId: span.spanId }),
    ...(error === undefined ? {} : { error }),
    ...(Object.keys(rest).length === 0 ? {} : { fields: rest }),
  };
}

/** Background work does not belong to the call that is active while it begins. */
function inBackground<T>(work: () => T): T {
  return contextApi.with(ROOT_CONTEXT, work);
}

/** Instruments are made at first use, because a provider that is set after they are made would not be seen. */
function lazily<T>(create: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= create());
}
