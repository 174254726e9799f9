/** How much of the past counts, milliseconds of work. */
const rememberedMs = 2000;

/**
 * How fast one instance takes rows from the queue. Calls that found an idle instance do not count: one row alone takes far longer than a row
 * among those that are joined while others wait.
 */
export class DrainRate {
  #rows = 0;
  #ms = 0;

  /** Milliseconds; 0 where nothing has come from the queue yet. */
  get msPerRow(): number {
    return this.#rows === 0 ? 0 : this.#ms / this.#rows;
  }

  /** Takes note of rows that came from the queue and were predicted together. */
  learn(rows: number, elapsedMs: number): void {
    this.#rows += rows;
    this.#ms += elapsedMs;
    if (this.#ms < rememberedMs) return;
    this.#rows /= 2;
    this.#ms /= 2;
  }
}
