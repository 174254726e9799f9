import {
  isErrorCode,
  isPartialFailure,
  isVivaceError,
  messageOf,
  VivaceError,
  type ErrorCode,
} from '../kernel/errors.js';
import { isThenable } from '../kernel/thenable.js';
import type { PartState } from '../ports/control-plane.js';
import type { PartLifecycle, Port } from '../ports/port.js';
import { metricNames } from '../kernel/metric-names.js';
import { endedWithin } from '../kernel/ended-within.js';
import { InFlight } from '../kernel/in-flight.js';
import type { CallContext } from '../kernel/call.js';
import type { Clock, Log, MetricOptions } from './context.js';
import type { MadePart, OutsideSystem } from './definition.js';
import { Breaker } from './breaker.js';
import { faceOf, type FaceOwner, type Implementation } from './face.js';

/** How long calls in flight may take to end, by default. */
const defaultGraceMs = 5000;
/** The least that a part gets for its own `stop`. */
const leastStopMs = 1000;

/** What a guarded part needs of its surroundings. */
export interface GuardContext {
  readonly clock: Clock;
  readonly log: Log;
  gauge(name: string, options: MetricOptions, read: () => number): void;
  /** Waits for the clean-up after calls that have ended. */
  cleaned(): Promise<void>;
}

export interface GuardOptions {
  /** Whether spans are recorded. */
  readonly tracing: () => boolean;
}

/** A part with its lifecycle, and the guarded faces of it that other parts get. */
export class GuardedPart {
  readonly name: string;
  readonly use: string;
  readonly faces: ReadonlyMap<Port, object>;
  readonly #system: OutsideSystem | undefined;
  readonly #part: PartLifecycle;
  readonly #options: GuardOptions;
  readonly #context: GuardContext;
  readonly #breakers: Breaker[] = [];
  #state: PartState = 'created';
  readonly #calls = new InFlight();
  /** The part's own `start`, once it has been called. */
  #starting: Promise<void> | undefined;
  #startEnded = false;

  constructor(
    { lifecycle: part, faces }: MadePart,
    {
      name,
      use,
      provides,
      system,
      context,
    }: {
      name: string;
      use: string;
      provides: readonly Port[];
      system: OutsideSystem | undefined;
      context: GuardContext;
    },
    options: GuardOptions,
  ) {
    this.name = name;
    this.#context = context;
    this.use = use;
    this.#system = system;
    this.#part = part;
    this.#options = options;
    const owner = this.#owner();
    // Keys: ports.
    this.faces = new Map(provides.map((port, i) => [port, faceOf(faces[i] as Implementation, port, owner)]));
  }

  get state(): PartState {
    return this.#state;
  }

  /** Calls that are running; a joined read counts in addition to the callers that wait for it. */
  get inFlight(): number {
    return this.#calls.count;
  }

  async start(context: CallContext): Promise<void> {
    if (this.#state !== 'created')
      throw new VivaceError('FAILED_PRECONDITION', `part "${this.name}" was already started`);
    this.#state = 'starting';
    // Like a call: a `stop` meanwhile waits for it.
    this.#calls.enter();
    const starting = (async () => this.#part.start?.(context))();
    this.#starting = starting;
    try {
      await starting;
      if (this.#state === 'starting') this.#state = 'ready';
    } catch (error) {
      if (this.#state === 'starting') this.#state = 'failed';
      throw this.#wrap(error);
    } finally {
      this.#startEnded = true;
      this.#calls.leave();
    }
  }

  /**
   * Refuses new calls, waits for those in flight, then stops the part; does nothing for one that never started. What does not end in its
   * time is abandoned and logged: a call that goes on although its signal has aborted, and the part's own `stop`. Where `start` is still
   * running by then, the part is stopped when `start` returns, so that what it opens late does not stay open.
   *
   * @param graceMs For calls in flight.
   * @param stopMs For the part's own `stop`.
   */
  async stop(graceMs = defaultGraceMs, stopMs = Math.max(graceMs, leastStopMs)): Promise<void> {
    if (this.#state === 'stopping' || this.#state === 'stopped') return;
    this.#state = 'stopping';
    const { log } = this.#context;
    try {
      await this.#calls.untilIdle(graceMs);
      await this.#context.cleaned();
      if (this.#starting === undefined) return;
      if (!this.#startEnded) {
        log.warn('given up while starting: it is stopped when its start returns');
        void this.#stopAfter(this.#starting);
      } else if (!(await endedWithin(this.#stopPart(), stopMs))) {
        log.warn(`did not stop within ${stopMs} ms: it is abandoned`);
      }
    } catch (error) {
      throw this.#wrap(error);
    } finally {
      this.#state = 'stopped';
    }
  }

  async #stopPart(): Promise<void> {
    await this.#part.stop?.();
  }

  async #stopAfter(starting: Promise<void>): Promise<void> {
    await starting.catch(() => undefined);
    try {
      await this.#stopPart();
    } catch (error) {
      this.#context.log.warn('did not stop cleanly after a late start', { error: this.#wrap(error) });
    }
  }

  /** What the faces ask of this part. */
  #owner(): FaceOwner {
    return {
      name: this.name,
      use: this.use,
      calls: this.#calls,
      system: this.#system,
      tracing: this.#options.tracing,
      admit: () => {
        if (this.#state !== 'ready') throw this.#notReady();
      },
      admitHeld: () => {
        if (this.#state !== 'ready' && this.#state !== 'stopping') throw this.#notReady();
      },
      breaker: (operation) => this.#breaker(operation),
      wrap: (error, otherwise) => this.#wrap(error, otherwise),
    };
  }

  #breaker(operation: string): Breaker {
    const { clock, log } = this.#context;
    if (this.#breakers.length === 0) {
      const { name, ...metric } = metricNames.breakerOpen;
      this.#context.gauge(name.slice('vivace.'.length), metric, () =>
        this.#breakers.some(({ open }) => open) ? 1 : 0,
      );
    }
    const breaker = new Breaker({
      part: this.name,
      operation,
      now: () => clock.monotonic(),
      onOpen: (reason) =>
        log.warn('the backend keeps failing: calls fail at once, except one each second', {
          operation,
          reason,
        }),
      onClose: () => log.info('the backend answers again: calls go through', { operation }),
    });
    this.#breakers.push(breaker);
    return breaker;
  }

  #notReady(): VivaceError {
    const why =
      this.#state === 'created' || this.#state === 'starting' ? 'has not started yet' : `is ${this.#state}`;
    return new VivaceError('UNAVAILABLE', `part "${this.name}" ${why}`, { part: this.name, started: false });
  }

  #wrap(error: unknown, otherwise: ErrorCode = 'INTERNAL'): VivaceError {
    if (isVivaceError(error)) {
      return error.part !== undefined || isPartialFailure(error)
        ? error
        : new VivaceError(error.code, `${this.name}: ${error.message}`, {
            ...optionsOf(error),
            part: this.name,
            cause: error,
          });
    }
    const code = this.#classified(error) ?? abortCode(error) ?? otherwise;
    return new VivaceError(code, `${this.name} (${this.use}): ${messageOf(error)}`, {
      part: this.name,
      cause: error,
    });
  }

  /** The code that the part gives an error. An answer that is not a code is ignored, because the error itself matters more. */
  #classified(raw: unknown): ErrorCode | undefined {
    let code: unknown;
    try {
      code = this.#part.errorCode?.(raw);
    } catch (thrown) {
      this.#context.log.warn('errorCode failed: what it was to classify is taken as unknown', {
        error: thrown,
      });
      return undefined;
    }
    if (code === undefined || isErrorCode(code)) return code;
    if (isThenable(code)) code.then(undefined, () => undefined);
    this.#context.log.warn('errorCode returned no code: what it was to classify is taken as unknown', {
      returned: typeof code === 'string' ? code : typeof code,
    });
    return undefined;
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

/** The code of the reason with which a platform's signal aborts, which an implementation may simply pass on. */
function abortCode(error: unknown): ErrorCode | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'DEADLINE_EXCEEDED';
  return error.name === 'AbortError' ? 'CANCELLED' : undefined;
}
