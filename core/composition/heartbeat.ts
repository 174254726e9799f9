import { startTimer } from '../kernel/timer.js';
import { Pulse, type PulseState } from '../wire/pulse.js';

const everyMs = 100;

/** Writes the state of a server into shared memory, as often as its event loop lets it. */
export class Heartbeat {
  readonly #pulse = new Pulse();
  readonly #state: () => PulseState;
  #timer: NodeJS.Timeout | undefined;

  constructor(state: () => PulseState) {
    this.#state = state;
  }

  get memory(): SharedArrayBuffer {
    return this.#pulse.memory;
  }

  /** Begins to write; the timer does not keep the process alive. */
  start(): void {
    this.beat();
    this.#timer = startTimer(() => this.start(), everyMs).unref();
  }

  /** Writes now, as when the state has changed. */
  beat(): void {
    this.#pulse.beat(this.#state());
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
