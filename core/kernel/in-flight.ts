import { startTimer } from './timer.js';

/** Counts what is running, and tells when nothing is running any more. */
export class InFlight {
  #count = 0;
  readonly #waiting = new Set<() => void>();

  get count(): number {
    return this.#count;
  }

  enter(): void {
    this.#count++;
  }

  leave(): void {
    if (--this.#count === 0) for (const idle of this.#waiting) idle();
  }

  /** Resolves as soon as nothing is running, or after `timeoutMs`. */
  async untilIdle(timeoutMs = Infinity): Promise<void> {
    if (this.#count === 0) return;
    let timer: NodeJS.Timeout | undefined;
    let idle: () => void = () => undefined;
    await new Promise<void>((resolve) => {
      idle = resolve;
      this.#waiting.add(resolve);
      if (timeoutMs !== Infinity) timer = startTimer(resolve, timeoutMs);
    });
    clearTimeout(timer);
    this.#waiting.delete(idle);
  }
}
