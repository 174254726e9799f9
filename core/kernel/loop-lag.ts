import { startTimer } from './timer.js';

/** How often the loop is looked at, milliseconds: a shorter stall is not seen for certain. */
const everyMs = 20;

/** Measures how long the event loop stands: how much later than asked for a timer rings. */
export class LoopLag {
  readonly #now: () => number;
  readonly #stallMs: () => number;
  /** Per reader, the longest that it has not read yet. */
  readonly #unread = new Map<object | undefined, number>();
  #timer: NodeJS.Timeout | undefined;
  #due = Infinity;
  #longestMs = 0;
  #latestMs = 0;
  #latestAt = -Infinity;
  #stalledAt = -Infinity;

  /**
   * @param options.stallMs A longer lag is a stall.
   * @param options.now Milliseconds that only grow; default: `performance.now`.
   */
  constructor({
    stallMs,
    now = () => performance.now(),
  }: {
    readonly stallMs: () => number;
    readonly now?: () => number;
  }) {
    this.#stallMs = stallMs;
    this.#now = now;
  }

  /** Begins to measure; the timer does not keep the process alive. */
  start(): void {
    this.#due = this.#now() + everyMs;
    this.#timer = startTimer(() => {
      this.look();
      this.start();
    }, everyMs).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#due = Infinity;
  }

  /** Takes note of how late it is. The timer calls it, and so does each reading, which may come before the timer. */
  look(): void {
    const now = this.#now();
    const lateMs = now - this.#due;
    if (lateMs < 0) return;
    this.#latestMs = lateMs;
    this.#latestAt = now;
    this.#longestMs = Math.max(this.#longestMs, lateMs);
    if (lateMs > this.#stallMs()) this.#stalledAt = now;
    for (const [reader, longest] of this.#unread) this.#unread.set(reader, Math.max(longest, lateMs));
  }

  /** The lag that was seen last, milliseconds; 0 where the loop has turned freely since. */
  get currentMs(): number {
    return this.#now() - this.#latestAt < everyMs ? this.#latestMs : 0;
  }

  /** Whether a stall ended within the last `withinMs`. */
  stalled(withinMs: number): boolean {
    return this.#now() - this.#stalledAt < withinMs;
  }

  /**
   * The longest lag since the same reader read last, milliseconds; at its first time since the beginning.
   *
   * @param reader Tells readers apart; `undefined` for all that cannot be told apart.
   */
  longestFor(reader: object | undefined): number {
    this.look();
    const longest = this.#unread.get(reader) ?? this.#longestMs;
    this.#unread.set(reader, 0);
    return longest;
  }
}
