import { untilAborted, VivaceError } from 'vivace';

/** How many wait for a place, for each one that there is. */
const waitingPerPlace = 16;

/** Keeps a slow service from holding more than so many requests at the same time; others wait for their turn, as long as their callers do. */
export class Bulkhead {
  readonly #places: number;
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  constructor(places: number) {
    this.#places = places;
  }

  get inFlight(): number {
    return this.#taken;
  }

  async through<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    if (this.#taken < this.#places) this.#taken++;
    else await this.#place(signal);
    try {
      return await run();
    } finally {
      this.#leave();
    }
  }

  /** The one that waits longest takes the place. */
  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#taken--;
    else next();
  }

  async #place(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= this.#places * waitingPerPlace)
      throw new VivaceError(
        'RESOURCE_EXHAUSTED',
        'too many requests wait for the service: `maxInFlight` allows no more',
        { started: false },
      );
    let enter = (): void => undefined;
    const given = new Promise<void>((resolve) => {
      enter = () => {
        this.#waiting.delete(enter);
        resolve();
      };
    });
    this.#waiting.add(enter);
    try {
      await untilAborted(given, signal);
    } catch (error) {
      // It may have been given the place at the moment at which its caller left.
      if (!this.#waiting.delete(enter)) this.#leave();
      throw error;
    }
  }
}
