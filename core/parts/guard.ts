import { isPartialFailure, isVivaceError, messageOf, VivaceError } from '../kernel/errors.js';
import type { PartState } from '../ports/control-plane.js';
import type { OperationSpec, PartLifecycle, Port } from '../ports/port.js';
import { InFlight } from '../kernel/in-flight.js';
import type { CallContext } from '../kernel/call.js';
import { coalesce } from './coalesce.js';
import type { MadePart } from './definition.js';
import { inBatches } from './in-batches.js';
import { inSpan } from './in-span.js';
import { isThenable } from '../kernel/thenable.js';
import { members } from './members.js';
import { openedFace, type OpenedResource } from './opened-face.js';

type Operation = (...args: unknown[]) => unknown;

export interface GuardOptions {
  /** Whether spans are wanted: switched on by a telemetry part, or because the host set up a tracer. */
  readonly tracing: () => boolean;
}

/** A part with its lifecycle, and the guarded faces of it that other parts get. */
export class GuardedPart {
  readonly name: string;
  readonly use: string;
  readonly faces: ReadonlyMap<Port, object>;
  readonly #part: PartLifecycle;
  readonly #options: GuardOptions;
  readonly #beforeStop: () => Promise<void>;
  #state: PartState = 'created';
  readonly #calls = new InFlight();
  #started = false;

  constructor(
    { lifecycle: part, faces }: MadePart,
    {
      name,
      use,
      provides,
      beforeStop,
    }: { name: string; use: string; provides: readonly Port[]; beforeStop: () => Promise<void> },
    options: GuardOptions,
  ) {
    this.name = name;
    this.#beforeStop = beforeStop;
    this.use = use;
    this.#part = part;
    this.#options = options;
    this.faces = new Map(provides.map((port, i) => [port, this.#face(port, faces[i] as Implementation)]));
  }

  get state(): PartState {
    return this.#state;
  }

  /** Calls that are running; a joined read counts beside the callers that wait for it. */
  get inFlight(): number {
    return this.#calls.count;
  }

  async start(context: CallContext): Promise<void> {
    if (this.#state !== 'created')
      throw new VivaceError('FAILED_PRECONDITION', `part "${this.name}" was started before`);
    this.#state = 'starting';
    this.#started = true;
    // Like a call: a `stop` meanwhile waits for it, or what it opens late would stay open.
    this.#calls.enter();
    try {
      await this.#part.start?.(context);
      if (this.#state === 'starting') this.#state = 'ready';
    } catch (error) {
      if (this.#state === 'starting') this.#state = 'failed';
      throw this.#wrap(error);
    } finally {
      this.#calls.leave();
    }
  }

  /**
   * Refuses new calls, waits for those in flight, then stops the part; does nothing for one that never started. A call that does not
   * end within `graceMs` though its signal has aborted is left behind.
   */
  async stop(graceMs = 5000): Promise<void> {
    if (this.#state === 'stopping' || this.#state === 'stopped') return;
    this.#state = 'stopping';
    await this.#calls.untilIdle(graceMs);
    await this.#beforeStop();
    try {
      if (this.#started) await this.#part.stop?.();
    } catch (error) {
      throw this.#wrap(error);
    } finally {
      this.#state = 'stopped';
    }
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
    const span = { name: spanName, attributes: { 'vivace.part': this.name, 'vivace.use': this.use } };
    const invoke = this.#invoking(part, spec);
    const traced: Operation =
      spec.quiet === true
        ? invoke
        : (...args) => (this.#options.tracing() ? inSpan(invoke, args, span) : invoke(...args));
    const {
      maxBatch = Infinity,
      maxJoined = Infinity,
      synchronous,
    } = (part['supports'] ?? {}) as {
      maxBatch?: number;
      maxJoined?: number;
      synchronous?: boolean;
    };
    if (spec.sync === true) return this.#immediate(spec.anyState === true ? traced : this.#admitted(traced));
    if (spec.opens === true) return this.#opening(this.#admitted(traced), spec.name);
    if (spec.batch !== true) return this.#counted(this.#admitted(traced));
    const batched = (one: Operation): Operation => inBatches(one, { ...spec, maxBatch });
    const alone = batched(this.#counted(this.#admitted(traced)));
    if (spec.coalesce !== true || synchronous === true) return alone;
    // Counted twice: a caller may wait for a call that has yet to begin, and a call may go on when its callers have left.
    const joined = coalesce(this.#counted(traced) as Parameters<typeof coalesce>[0], undefined, maxBatch);
    const joining = this.#counted(this.#admitted(joined as Operation));
    return (keys, context) => {
      const { length } = keys as readonly string[];
      return length === 0 || length > maxJoined ? alone(keys, context) : joining(keys, context);
    };
  }

  /** Calls the part itself. What comes of it is an answer at once or a `Promise`, whatever kind of promise the part gave. */
  #invoking(part: Implementation, { name, sync }: OperationSpec & { readonly name: string }): Operation {
    if (sync !== true) {
      return (...args) => {
        const result = (part[name] as Operation)(...args);
        return result instanceof Promise || !isThenable(result) ? result : Promise.resolve(result);
      };
    }
    return (...args) => {
      const result = (part[name] as Operation)(...args);
      if (!isThenable(result)) return result;
      // Nobody will wait for it: what it throws must not end the process.
      Promise.resolve(result).catch(() => undefined);
      throw new VivaceError(
        'INTERNAL',
        `${name} returned a promise, and is synchronous: return the answer itself, and wait for what it needs in start`,
      );
    };
  }

  /** Wraps what the call throws; what answers at once is never in flight. */
  #immediate(operation: Operation): Operation {
    return (...args) => {
      let result: unknown;
      try {
        result = operation(...args);
      } catch (error) {
        throw this.#wrap(error);
      }
      return isAsyncIterable(result) ? this.#iterate(result) : result;
    };
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
      this.#calls.enter();
      let result: unknown;
      try {
        result = operation(...args);
      } catch (error) {
        this.#calls.leave();
        throw this.#wrap(error);
      }
      if (result instanceof Promise) {
        return result.then(
          (value: unknown) => {
            this.#calls.leave();
            return value;
          },
          (error: unknown) => {
            this.#calls.leave();
            throw this.#wrap(error);
          },
        );
      }
      this.#calls.leave();
      return isAsyncIterable(result) ? this.#iterate(result) : result;
    };
  }

  /** Counts the call until what it opened has been disposed of. */
  #opening(operation: Operation, name: string): Operation {
    return async (...args) => {
      this.#calls.enter();
      try {
        return this.#held((await operation(...args)) as OpenedResource, name);
      } catch (error) {
        this.#calls.leave();
        throw this.#wrap(error);
      }
    };
  }

  /** Its methods are counted too, for one may still run when it is closed. */
  #held(resource: OpenedResource, opener: string): AsyncDisposable {
    return openedFace(resource, {
      guard: (method) => this.#counted(method),
      refused: (method) =>
        this.#wrap(
          new VivaceError('FAILED_PRECONDITION', `what ${opener} opened was closed before ${method}`),
        ),
      close: async () => {
        try {
          await resource[Symbol.asyncDispose]();
        } catch (error) {
          throw this.#wrap(error);
        } finally {
          this.#calls.leave();
        }
      },
    });
  }

  /** Counts while it is iterated, which may never happen; a generator's work is done there, and so its errors arise there. */
  async *#iterate(source: AsyncIterable<unknown>): AsyncGenerator {
    if (this.#state !== 'ready') throw this.#notReady();
    this.#calls.enter();
    try {
      yield* source;
    } catch (error) {
      throw this.#wrap(error);
    } finally {
      this.#calls.leave();
    }
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

const lifecycle = new Set(['start', 'stop', 'errorCode', 'constructor']);

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
