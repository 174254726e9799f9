import type { CallContext } from '../kernel/call.js';
import {
  abortError,
  isOutage,
  isPartialFailure,
  isVivaceError,
  messageOf,
  VivaceError,
} from '../kernel/errors.js';

type Operation = (...args: unknown[]) => unknown;

/** How many of the last calls count, and how old the oldest of them may be. */
const lastCalls = 40;
const withinMs = 10_000;
/** This many outages among them open the breaker. */
const mostOutages = 20;
/** How often a call is let through while it is open. */
const retryMs = 1000;
/** How often the breaker looks at calls that do not end. */
const lookMs = 10;

interface PendingCall {
  readonly context: CallContext;
  /** Let through while the breaker was open. */
  readonly trial: boolean;
}

export interface BreakerSetup {
  readonly part: string;
  readonly operation: string;
  /** Milliseconds that only grow. */
  readonly now: () => number;
  readonly onOpen?: (reason: string) => void;
  readonly onClose?: () => void;
}

/**
 * Spares callers the wait for a backend that is down. It opens when 20 of the last 40 calls of the last ten seconds ended with an outage
 * (`UNAVAILABLE`, `DEADLINE_EXCEEDED`, `RESOURCE_EXHAUSTED`, or no answer when the caller's deadline passed). While it is open, calls fail
 * at once, except for one each second; the first of those that is answered closes it.
 *
 * A caller that leaves is neither an answer nor an outage, and a batch of which some keys were answered is not an outage. A call whose
 * context says `bypassBreaker` is always made, and is not counted.
 */
export class Breaker {
  readonly #setup: BreakerSetup;
  /** When each of the last calls ended with an outage; `-Infinity` for one that did not. */
  readonly #outages = new Float64Array(lastCalls).fill(-Infinity);
  #at = 0;
  #open = false;
  #reason = '';
  #retryAt = 0;
  readonly #pending = new Set<PendingCall>();
  #lookedAt = -Infinity;

  constructor(setup: BreakerSetup) {
    this.#setup = setup;
  }

  get open(): boolean {
    return this.#open;
  }

  /** The operation, behind the breaker. Its last argument that counts is the second: the call's context. */
  around(operation: Operation): Operation {
    return (...args) => {
      const context = args[1] as CallContext;
      if (context.bypassBreaker === true) return operation(...args);
      const trial = this.#begin();
      let answer: unknown;
      try {
        answer = operation(...args);
      } catch (error) {
        this.#failed(error, { context, trial });
        throw error;
      }
      if (!(answer instanceof Promise)) {
        this.#answered(trial);
        return answer;
      }
      const call = { context, trial };
      this.#pending.add(call);
      return answer.then(
        (value: unknown) => {
          if (this.#pending.delete(call)) this.#answered(trial);
          return value;
        },
        (error: unknown) => {
          if (this.#pending.delete(call)) this.#failed(error, call);
          throw error;
        },
      );
    };
  }

  /**
   * Refuses while no call would be let through. It is for callers that would otherwise join a call in flight and wait with it.
   *
   * @throws {VivaceError} `UNAVAILABLE`
   */
  refuseWhileOpen(): void {
    if (!this.#open) return;
    const now = this.#setup.now();
    if (now < this.#retryAt) throw this.#refusal(now);
  }

  /** @returns Whether the call is a trial. */
  #begin(): boolean {
    if (this.#pending.size > 0) this.#lookAtPending();
    if (!this.#open) return false;
    const now = this.#setup.now();
    if (now < this.#retryAt) throw this.#refusal(now);
    this.#retryAt = now + retryMs;
    return true;
  }

  /** Judges calls that have not ended although their caller has given up: they may never end. */
  #lookAtPending(): void {
    const now = this.#setup.now();
    if (now - this.#lookedAt < lookMs) return;
    this.#lookedAt = now;
    for (const call of this.#pending) {
      const { signal } = call.context;
      if (!signal.aborted) continue;
      this.#pending.delete(call);
      this.#givenUp(signal);
    }
  }

  #answered(trial: boolean): void {
    this.#note(-Infinity);
    if (!this.#open || !trial) return;
    this.#open = false;
    this.#outages.fill(-Infinity);
    this.#setup.onClose?.();
  }

  #failed(error: unknown, { context: { signal }, trial }: PendingCall): void {
    if (signal.aborted) return this.#givenUp(signal);
    if (!isVivaceError(error)) return this.#note(-Infinity);
    if (isPartialFailure(error) && error.failures.length < error.values.length) return this.#answered(trial);
    if (error.code === 'CANCELLED') return;
    if (isOutage(error)) this.#outage(messageOf(error));
    else this.#note(-Infinity);
  }

  #givenUp(signal: AbortSignal): void {
    if (abortError(signal).code === 'DEADLINE_EXCEEDED')
      this.#outage(`${this.#setup.part} did not answer ${this.#setup.operation} in time`);
  }

  #outage(reason: string): void {
    const now = this.#setup.now();
    this.#note(now);
    this.#reason = reason;
    if (this.#open) return;
    let recent = 0;
    for (const time of this.#outages) if (now - time <= withinMs) recent++;
    if (recent < mostOutages) return;
    this.#open = true;
    this.#retryAt = now + retryMs;
    this.#setup.onOpen?.(reason);
  }

  #note(outageAt: number): void {
    this.#outages[this.#at] = outageAt;
    this.#at = (this.#at + 1) % lastCalls;
  }

  #refusal(now: number): VivaceError {
    const { part, operation } = this.#setup;
    const retryAfterMs = Math.max(1, Math.ceil(this.#retryAt - now));
    return new VivaceError(
      'UNAVAILABLE',
      `${part}: ${operation} was not tried, because ${mostOutages} of its last calls failed; it is tried again in ${retryAfterMs} ms. The last failure: ${this.#reason}`,
      { part, retryAfterMs, started: false },
    );
  }
}
