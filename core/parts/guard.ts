import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context } from '@opentelemetry/api';
import {
  isPartialFailure,
  isVivaceError,
  messageOf,
  valuesUnless,
  VivaceError,
  type FailedKey,
} from '../errors.js';
import type { CallContext, OperationSpec, PartLifecycle, Port } from '../ports/port.js';
import { coalesce, type JoinedContext } from './coalesce.js';
import type { MadePart } from './definition.js';

type Operation = (...args: unknown[]) => unknown;

/** Where a part stands. Operations run in `ready` only; those running when `stop` begins are waited for. */
export type PartState = 'created' | 'starting' | 'ready' | 'stopping' | 'stopped' | 'failed';

/** Whether spans are wanted: switched on by a telemetry part, or because the host set up a tracer. */
export interface GuardOptions {
  readonly tracing: () => boolean;
}

/** A part with its lifecycle, and the guarded faces of it that other parts get. */
export class GuardedPart {
  readonly name: string;
  readonly use: string;
  readonly faces: ReadonlyMap<Port, object>;
  readonly #part: PartLifecycle;
  readonly #options: GuardOptions;
  #state: PartState = 'created';
  #inFlight = 0;
  #idle: (() => void) | undefined;
  #started = false;

  constructor(
    { lifecycle: part, faces }: MadePart,
    { name, use, provides }: { name: string; use: string; provides: readonly Port[] },
    options: GuardOptions,
  ) {
    this.name = name;
    this.use = use;
    this.#part = part;
    this.#options = options;
    this.faces = new Map(provides.map((port, i) => [port, this.#face(port, faces[i] as Implementation)]));
  }

  get state(): PartState {
    return this.#state;
  }

  async start(context: CallContext): Promise<void> {
    if (this.#state !== 'created')
      throw new VivaceError('FAILED_PRECONDITION', `part "${this.name}" was started before`);
    this.#state = 'starting';
    this.#started = true;
    // Like a call: a `stop` meanwhile waits for it, or what it opens late would stay open.
    this.#inFlight++;
    try {
      await this.#part.start?.(context);
      if (this.#state === 'starting') this.#state = 'ready';
    } catch (error) {
      if (this.#state === 'starting') this.#state = 'failed';
      throw this.#wrap(error);
    } finally {
      this.#leave();
    }
  }

  /**
   * Refuses new calls, waits for those in flight, then stops the part; does nothing for one that never started. A call that does not
   * end within `graceMs` though its signal has aborted is left behind.
   */
  async stop(graceMs = 5000): Promise<void> {
    if (this.#state === 'stopping' || this.#state === 'stopped') return;
    this.#state = 'stopping';
    if (this.#inFlight > 0) await this.#untilIdle(graceMs);
    try {
      if (this.#started) await this.#part.stop?.();
    } catch (error) {
      throw this.#wrap(error);
    } finally {
      this.#state = 'stopped';
    }
  }

  async #untilIdle(graceMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
      timer = setTimeout(resolve, graceMs);
    });
    clearTimeout(timer);
  }

  #face(port: Port, part: Implementation): object {
    const face: Record<string, unknown> = {};
    for (const [name, value] of members(part)) {
      const operation = port.operations[name];
      if (typeof value !== 'function') {
        Object.defineProperty(face, name, { get: () => part[name], enumerable: true });
      } else if (operation !== undefined) {
        face[name] = this.#operation(part, `${port.name} ${name}`, { name, ...operation });
      } else if (!lifecycle.has(name)) {
        face[name] = (...args: unknown[]) => (part[name] as Operation)(...args);
      }
    }
    return face;
  }

  #operation(
    part: Implementation,
    spanName: string,
    spec: OperationSpec & { readonly name: string },
  ): Operation {
    const invoke: Operation = (...args) => (part[spec.name] as Operation)(...args);
    const traced: Operation =
      spec.quiet === true
        ? invoke
        : (...args) => (this.#options.tracing() ? this.#inSpan(spanName, invoke, args) : invoke(...args));
    const { maxBatch = Infinity, synchronous } = (part['supports'] ?? {}) as {
      maxBatch?: number;
      synchronous?: boolean;
    };
    if (spec.batch !== true) return this.#counted(this.#admitted(traced));
    const batched =
      (one: Operation): Operation =>
      (items, ...rest) => {
        const all = items as readonly unknown[];
        if (all.length === 0) return spec.merge === 'none' ? undefined : [];
        return all.length <= maxBatch ? one(all, ...rest) : this.#split(one, all, { rest, maxBatch, spec });
      };
    if (spec.coalesce !== true || synchronous === true) return batched(this.#counted(this.#admitted(traced)));
    // Counted twice: a caller may wait for a call that has yet to begin, and a call may go on when its callers have left.
    const joined = coalesce(batched(this.#counted(traced)) as Parameters<typeof coalesce>[0]);
    const joining = this.#counted(this.#admitted(joined as Operation));
    return (keys, context) => ((keys as readonly string[]).length === 0 ? [] : joining(keys, context));
  }

  /** Refuses the call outside `ready`. */
  #admitted(operation: Operation): Operation {
    return (...args) => {
      if (this.#state !== 'ready') throw this.#notReady();
      return operation(...args);
    };
  }

  /** Counts the call while it runs, and wraps what it throws. */
  #counted(operation: Operation): Operation {
    return (...args) => {
      this.#inFlight++;
      let result: unknown;
      try {
        result = operation(...args);
      } catch (error) {
        this.#leave();
        throw this.#wrap(error);
      }
      if (result instanceof Promise) {
        return result.then(
          (value: unknown) => {
            this.#leave();
            return value;
          },
          (error: unknown) => {
            this.#leave();
            throw this.#wrap(error);
          },
        );
      }
      this.#leave();
      return isAsyncIterable(result) ? this.#iterate(result) : result;
    };
  }

  /** Counts while it is iterated, which may never happen; a generator's work is done there, and so its errors arise there. */
  async *#iterate(source: AsyncIterable<unknown>): AsyncGenerator {
    if (this.#state !== 'ready') throw this.#notReady();
    this.#inFlight++;
    try {
      yield* source;
    } catch (error) {
      throw this.#wrap(error);
    } finally {
      this.#leave();
    }
  }

  #leave(): void {
    if (--this.#inFlight === 0) this.#idle?.();
  }

  /** Calls for `maxBatch` items at a time; where every call answers at once, so does this. */
  #split(
    operation: Operation,
    items: readonly unknown[],
    { rest, maxBatch, spec }: { rest: unknown[]; maxBatch: number; spec: OperationSpec },
  ): unknown {
    const starts = Array.from({ length: Math.ceil(items.length / maxBatch) }, (_, i) => i * maxBatch);
    const answers = starts.map((from) =>
      settle(() => operation(items.slice(from, from + maxBatch), ...rest)),
    );
    const merge = (settled: readonly Settled[]): unknown =>
      this.#merge(
        settled,
        starts.map((from) => Math.min(maxBatch, items.length - from)),
        spec,
      );
    return answers.some((answer) => answer instanceof Promise)
      ? Promise.all(answers.map(async (answer) => answer)).then(merge)
      : merge(answers as readonly Settled[]);
  }

  #merge(settled: readonly Settled[], sizes: readonly number[], spec: OperationSpec): unknown {
    const values: unknown[] = [];
    const failures: FailedKey[] = [];
    let from = 0;
    settled.forEach((outcome, i) => {
      const size = sizes[i] as number;
      const error = outcome.error;
      const answered =
        'value' in outcome ? outcome.value : isPartialFailure(error) ? error.values : undefined;
      for (let k = 0; k < size; k++) values.push((answered as readonly unknown[] | undefined)?.[k]);
      if (isPartialFailure(error)) {
        for (const failure of error.failures)
          failures.push({ index: from + failure.index, error: failure.error });
      } else if (!('value' in outcome)) {
        const wrapped = this.#wrap(error);
        for (let k = 0; k < size; k++) failures.push({ index: from + k, error: wrapped });
      }
      from += size;
    });
    const merged = valuesUnless(failures, values);
    return spec.merge === 'none' ? undefined : merged;
  }

  #inSpan(name: string, operation: Operation, args: unknown[]): unknown {
    const at = args.findIndex(isCallContext);
    const context = args[at] as JoinedContext | undefined;
    const parent: Context = context?.trace ?? ROOT_CONTEXT;
    const links = (context?.links ?? [])
      .flatMap((joined) => trace.getSpanContext(joined) ?? [])
      .map((linked) => ({ context: linked }));
    const span = trace
      .getTracer('vivace')
      .startSpan(
        name,
        { kind: SpanKind.CLIENT, attributes: { 'vivace.part': this.name, 'vivace.use': this.use }, links },
        parent,
      );
    if (context !== undefined) {
      // Named, because a context's signal may be a getter of its class, which a spread leaves behind.
      args = args.with(at, { ...context, signal: context.signal, trace: trace.setSpan(parent, span) });
    }
    const fail = (error: unknown): never => {
      span.recordException(error instanceof Error ? error : String(error));
      span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
      span.end();
      throw error;
    };
    let result: unknown;
    try {
      result = operation(...args);
    } catch (error) {
      return fail(error);
    }
    if (result instanceof Promise) {
      return result.then((value: unknown) => {
        span.end();
        return value;
      }, fail);
    }
    span.end();
    return result;
  }

  #notReady(): VivaceError {
    const why =
      this.#state === 'created' || this.#state === 'starting' ? 'has not started yet' : `is ${this.#state}`;
    return new VivaceError('UNAVAILABLE', `part "${this.name}" ${why}`, { part: this.name, started: false });
  }

  #wrap(error: unknown): VivaceError {
    if (isVivaceError(error)) {
      return error.part !== undefined || isPartialFailure(error)
        ? error
        : new VivaceError(error.code, `${this.name}: ${error.message}`, {
            ...optionsOf(error),
            part: this.name,
            cause: error,
          });
    }
    const code = this.#part.errorCode?.(error) ?? (isAbort(error) ? 'CANCELLED' : 'INTERNAL');
    return new VivaceError(code, `${this.name} (${this.use}): ${messageOf(error)}`, {
      part: this.name,
      cause: error,
    });
  }
}

type Implementation = Record<string, unknown>;

interface Settled {
  readonly value?: unknown;
  readonly error?: unknown;
}

/** Runs `call`; its answer or error as data, at once where it answers at once. */
function settle(call: () => unknown): Settled | Promise<Settled> {
  try {
    const value = call();
    if (!(value instanceof Promise)) return { value };
    return value.then(
      (answer: unknown) => ({ value: answer }),
      (error: unknown) => ({ error }),
    );
  } catch (error) {
    return { error };
  }
}

const lifecycle = new Set(['start', 'stop', 'errorCode', 'constructor']);

/** Own members and those of the part's class, so that a part may be a literal or an instance. */
function* members(part: Record<string, unknown>): Generator<[string, unknown]> {
  const seen = new Set<string>();
  for (
    let object: object = part;
    object !== Object.prototype && object !== null;
    object = Object.getPrototypeOf(object) as object
  ) {
    for (const name of Object.getOwnPropertyNames(object)) {
      if (seen.has(name) || name === 'constructor') continue;
      seen.add(name);
      yield [name, part[name]];
    }
  }
}

function optionsOf(error: VivaceError): object {
  return {
    ...(error.path === undefined ? {} : { path: error.path }),
    httpStatus: error.httpStatus,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    ...(error.started === undefined ? {} : { started: error.started }),
  };
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

function isCallContext(value: unknown): value is CallContext {
  return (
    typeof value === 'object' &&
    value !== null &&
    (value as Partial<CallContext>).signal instanceof AbortSignal
  );
}
