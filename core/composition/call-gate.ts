import { VivaceError } from '../kernel/errors.js';
import { InFlight } from '../kernel/in-flight.js';

/** Counts calls in flight, and refuses new ones once it is closed. */
export class CallGate {
  readonly #calls = new InFlight();
  #closed = false;

  get inFlight(): number {
    return this.#calls.count;
  }

  async pass<T>(call: () => Promise<T>): Promise<T> {
    if (this.#closed) throw refused('draining');
    this.#calls.enter();
    try {
      return await call();
    } finally {
      this.#calls.leave();
    }
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
