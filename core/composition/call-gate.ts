import { VivaceError } from '../kernel/errors.js';
import { InFlight } from '../kernel/in-flight.js';

/** Counts calls in flight, and refuses new ones once it is closed. */
export class CallGate {
  readonly #calls = new InFlight();
  #closed = false;
  #held: Promise<unknown> | undefined;

  get inFlight(): number {
    return this.#calls.count;
  }

  async pass<T>(call: () => Promise<T>): Promise<T> {
    if (this.#held !== undefined) await this.#held;
    if (this.#closed) throw refused('draining');
    this.#calls.enter();
    try {
      return await call();
    } finally {
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
