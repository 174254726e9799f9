import { VivaceError } from 'vivace';
import { peerGone } from './peer-gone.js';

/** The bytes of all bodies that a server holds at once. */
export class HeldBytes {
  readonly #limit: number;
  #held = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get held(): number {
    return this.#held;
  }

  /** The share of one exchange, to which bytes are added as they come. */
  share(): HeldShare {
    return new HeldShare((bytes) => {
      if (bytes > 0 && this.#held + bytes > this.#limit) throw full(this.#limit);
      this.#held += bytes;
    });
  }
}

/** What one exchange holds of a server's bytes. */
export class HeldShare {
  readonly #add: (bytes: number) => void;
  #held = 0;
  #ended = false;

  constructor(add: (bytes: number) => void) {
    this.#add = add;
  }

  /** Whether the exchange has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * @throws {VivaceError} `RESOURCE_EXHAUSTED` with HTTP 503 where all bodies together would be too large, `CANCELLED` where the exchange
   * has ended: nobody would give these bytes back.
   */
  take(bytes: number): void {
    if (this.#ended) throw peerGone();
    this.#add(bytes);
    this.#held += bytes;
  }

  /** Gives back all of it, or what is more than `kept` bytes. */
  release(kept = 0): void {
    const bytes = this.#held - kept;
    if (bytes <= 0) return;
    this.#add(-bytes);
    this.#held = kept;
  }

  /** Gives back all of it, and takes no more. */
  end(): void {
    this.#ended = true;
    this.release();
  }
}

function full(limit: number): VivaceError {
  return new VivaceError(
    'RESOURCE_EXHAUSTED',
    `the bodies of requests take all of the ${limit} bytes that may be held at once`,
    { httpStatus: 503, retryAfterMs: 1000, started: false },
  );
}
