import type { VivaceError } from './errors.js';
import { startTimer } from './timer.js';

/**
 * A signal that aborts at its deadline, or when its parent signal aborts. It is created only when it is asked for: most calls, such as
 * those to local stores, need none.
 */
export class LazyDeadline {
  /** In `performance.now()` milliseconds. */
  readonly at: number;
  readonly #outer: () => AbortSignal;
  readonly #late: () => VivaceError;
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #leave: (() => void) | undefined;
  #ended = false;

  constructor({
    at,
    outer,
    late,
  }: {
    /** In `performance.now()` milliseconds. */
    readonly at: number;
    readonly outer: () => AbortSignal;
    readonly late: () => VivaceError;
  }) {
    this.at = at;
    this.#outer = outer;
    this.#late = late;
  }

  get signal(): AbortSignal {
    this.#controller ??= this.#start(this.#outer());
    return this.#controller.signal;
  }

  #start(outer: AbortSignal): AbortController {
    const controller = new AbortController();
    const leave = (): void => controller.abort(outer.reason);
    if (outer.aborted) leave();
    else if (!this.#ended) {
      outer.addEventListener('abort', leave, { once: true });
      this.#leave = () => outer.removeEventListener('abort', leave);
      this.#timer = startTimer(() => controller.abort(this.#late()), this.at - performance.now());
    }
    return controller;
  }

  /** Nothing aborts from here on: a signal that is asked for later keeps no timer. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#leave?.();
  }
}
