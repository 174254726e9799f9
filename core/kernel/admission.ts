import { VivaceError } from './errors.js';
import { LoopLag } from './loop-lag.js';
import { Turns } from './turns.js';

/** Why a call was refused: too many in flight, too long a wait, a stalled event loop. */
export const refusalReasons = ['in_flight', 'wait', 'lag'] as const;

type RefusalReason = (typeof refusalReasons)[number];

/**
 * The share of a call's time that it may be expected to wait. The rest is for the work itself, whose fetches end at four fifths of the
 * deadline, for the wait for a model, and for what the expectation does not know.
 */
const waitShare = 0.4;
/** How long a stall of the event loop is remembered, milliseconds. */
const stallMs = 1000;
/** Calls in flight with which a stall is overload, and not only one slow call. */
const stallInFlight = 8;

/**
 * Decides whether a server takes one more call. There is one in each server. Every server of a protocol asks it as soon as it knows of a
 * call, before it does anything else for it, so that a refusal costs next to nothing. It knows no protocol.
 */
export interface Admission {
  /**
   * Counts a call as in flight, or refuses it.
   *
   * @param deadline When the call must have been answered, in `performance.now()` milliseconds, where that is known.
   * @throws {VivaceError} `RESOURCE_EXHAUSTED`, HTTP 503, with `retryAfterMs`.
   */
  enter(deadline?: number): void;
  /**
   * Waits for the call's turn on the event loop: to be asked once for each call that has entered, when all of it is there and the work begins.
   *
   * @returns `undefined` where it may go on at once.
   */
  turn(): Promise<void> | undefined;
  /** Counts the call as answered; called once for each call that has entered. */
  leave(): void;
}

/** The limits of a server's admission. */
export interface AdmissionLimits {
  /** The most calls in flight. */
  readonly maxInFlight: number;
  /** How long the event loop may stand, milliseconds, before calls are refused. */
  readonly shedLagMs: number;
}

/** The admission of one server: what it knows of the server's load, and what it has refused. */
export class ServerAdmission implements Admission {
  readonly lag: LoopLag;
  limits: AdmissionLimits;
  readonly #now: () => number;
  readonly #turns: Turns;
  readonly #refusals: Record<RefusalReason, number> = { in_flight: 0, wait: 0, lag: 0 };
  #inFlight = 0;
  #users = 0;

  /** @param now Milliseconds that only grow; default: `performance.now`. */
  constructor(limits: AdmissionLimits, now = () => performance.now()) {
    this.limits = limits;
    this.#now = now;
    this.lag = new LoopLag({ stallMs: () => this.limits.shedLagMs, now });
    this.#turns = new Turns(now);
  }

  /** Begins to measure the event loop: for the first of the servers that share it, one of which takes over from the other. */
  open(): void {
    if (this.#users++ === 0) this.lag.start();
  }

  /** Ends measuring, where no other server shares it. */
  close(): void {
    if (--this.#users === 0) this.lag.stop();
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Calls refused since the server was made, by reason. */
  get refusals(): Readonly<Record<RefusalReason, number>> {
    return this.#refusals;
  }

  enter(deadline = Infinity): void {
    const { maxInFlight, shedLagMs } = this.limits;
    this.#turns.arrived();
    if (this.#inFlight >= maxInFlight) throw this.#refused('in_flight', `${maxInFlight} calls are in flight`);
    const waitMs = this.#turns.expectedWaitMs;
    if (waitMs > 0) {
      // A call that is seen only now may have waited as long as the loop stood.
      const leftMs = deadline - this.#now() - this.lag.currentMs;
      if (waitMs > leftMs * waitShare)
        throw this.#refused('wait', `a call would wait about ${Math.ceil(waitMs)} ms`);
    }
    if (this.#inFlight >= stallInFlight && this.lag.stalled(stallMs))
      throw this.#refused('lag', `the event loop stood longer than ${shedLagMs} ms`);
    this.#inFlight++;
  }

  turn(): Promise<void> | undefined {
    return this.#turns.take();
  }

  leave(): void {
    this.#inFlight--;
  }

  #refused(reason: RefusalReason, why: string): VivaceError {
    this.#refusals[reason]++;
    // A stack would say where refusals are made, and costs more than all the rest of one.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      return new VivaceError('RESOURCE_EXHAUSTED', `the server has too much to do: ${why}`, {
        httpStatus: 503,
        retryAfterMs: Math.max(1000, this.#turns.expectedWaitMs),
        started: false,
      });
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  }
}
