/** The share of calls that may be repeated: where a service fails for good, repeating all calls would double its load. */
const share = 0.1;
/** How many repetitions may be saved up. */
const most = 10;

/** How many calls may be repeated: one in ten of those that are made, and a few at once. */
export class RetryBudget {
  #tokens = most;

  /** A call was made. */
  called(): void {
    this.#tokens = Math.min(most, this.#tokens + share);
  }

  /** @returns Whether one may be repeated. */
  take(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
