import { VivaceError } from '../kernel/errors.js';
import { InFlight } from '../kernel/in-flight.js';
import type { Call } from '../kernel/call.js';
import { holdProcess, releaseProcess } from '../kernel/timer.js';
import { waiting } from './bounded-call.js';

/** Counts calls in flight, and refuses new ones once it is closed. */
export class CallGate {
  readonly #calls = new InFlight();
  #closed = false;
  #held: Promise<unknown> | undefined;

  get inFlight(): number {
    return this.#calls.count;
  }

  /** @throws {VivaceError} `DEADLINE_EXCEEDED` and the like where the call ends while it waits, `UNAVAILABLE` once the gate is closed. */
  async pass<T>(call: Call, run: () => Promise<T>): Promise<T> {
    const held = this.#held;
    if (held !== undefined) await waiting(call, held);
    if (this.#closed) throw refused('draining');
    this.#calls.enter();
    holdProcess();
    try {
      return await run();
    } finally {
      releaseProcess();
      this.#calls.leave();
    }
  }

  /** Lets calls that come from now on wait. */
  hold(until: Promise<unknown>): void {
    this.#held = until.then(() => (this.#held = undefined));
  }

  close(): void {
    this.#closed = true;
  }

  /** Resolves when no call is in flight, or after `timeoutMs`. */
  untilIdle(timeoutMs: number): Promise<void> {
    return this.#calls.untilIdle(timeoutMs);
  }
}

/** The answer of a server that does not serve: the call never began, so it may go elsewhere. */
export function refused(state: string): VivaceError {
  return new VivaceError('UNAVAILABLE', `the server is ${state}`, { retryAfterMs: 1000, started: false });
}
