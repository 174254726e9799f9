import { VivaceError } from '../kernel/errors.js';

/** Counts calls in flight, and refuses new ones once it is closed. */
export class CallGate {
  #inFlight = 0;
  #closed = false;
  #idle: (() => void) | undefined;

  get inFlight(): number {
    return this.#inFlight;
  }

  async pass<T>(call: () => Promise<T>): Promise<T> {
    if (this.#closed) throw refused('draining');
    this.#inFlight++;
    try {
      return await call();
    } finally {
      if (--this.#inFlight === 0) this.#idle?.();
    }
  }

  close(): void {
    this.#closed = true;
  }

  /** Resolves when no call is in flight, or after `timeoutMs`. */
  async untilIdle(timeoutMs: number): Promise<void> {
    if (this.#inFlight === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
  }
}

/** What a server that does not serve answers: the call never began, so it may go elsewhere. */
export function refused(state: string): VivaceError {
  return new VivaceError('UNAVAILABLE', `the server is ${state}`, { retryAfterMs: 1000, started: false });
}
