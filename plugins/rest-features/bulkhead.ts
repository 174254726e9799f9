import { abortError, VivaceError } from 'vivace';

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
      const [next] = this.#waiting;
      if (next === undefined) this.#taken--;
      else next();
    }
  }

  #place(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(abortError(signal));
    if (this.#waiting.size >= this.#places * waitingPerPlace)
      return Promise.reject(
        new VivaceError(
          'RESOURCE_EXHAUSTED',
          'too many requests wait for the service: `maxInFlight` allows no more',
          {
            started: false,
          },
        ),
      );
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(enter);
        reject(abortError(signal));
      };
      const enter = (): void => {
        this.#waiting.delete(enter);
        signal.removeEventListener('abort', leave);
        resolve();
      };
      this.#waiting.add(enter);
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}
