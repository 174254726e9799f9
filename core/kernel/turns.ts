/** How long the event loop works before it looks for what has arrived meanwhile, milliseconds; one turn may take longer. */
const sliceMs = 5;
/**
 * How long the loop then looks, milliseconds, while more arrives in each of its rounds. It takes one connection a round, so that with one round between
 * turns a hundred new connections would wait for a hundred turns.
 */
const lookMs = 2;
/** Fewer turns tell too little of how long one takes. */
const enough = 16;
/** How much of the past the drain rate is of, milliseconds. */
const rememberedMs = 2000;

/**
 * Lets calls work on the event loop one after the other, and the loop look at its sockets in between. So calls wait here, where they are
 * counted, and not in the sockets, where nobody sees them: what has just arrived is seen, and refused if need be, within a few milliseconds.
 */
export class Turns {
  readonly #now: () => number;
  #waiting: (() => void)[] = [];
  /** How many at the front of `#waiting` have had their turn. */
  #taken = 0;
  /** When the work began that has gone on since the loop last looked; `undefined` where nobody works. */
  #sliceFrom: number | undefined;
  /** When the loop began to look; `undefined` while calls work. */
  #lookFrom: number | undefined;
  /** Whether something has arrived in this round of the loop. */
  #arrived = false;
  /** When the last turns were given while others waited, and how many. */
  #given: { readonly at: number; readonly count: number } | undefined;
  /** Turns given while others waited, and the time that they took. */
  #drained = 0;
  #drainMs = 0;

  /** @param now Milliseconds that only grow; default: `performance.now`. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get waiting(): number {
    return this.#waiting.length - this.#taken;
  }

  /** How long a call that came now would wait for its turn, milliseconds; 0 where that is not known yet. */
  get expectedWaitMs(): number {
    return this.#drained < enough ? 0 : this.waiting * this.#turnMs;
  }

  /** Tells that the loop has found something new. */
  arrived(): void {
    this.#arrived = true;
  }

  /** A turn: at once where the loop is free, and otherwise in the order of asking. */
  take(): Promise<void> | undefined {
    const now = this.#now();
    if (this.#sliceFrom === undefined) {
      this.#sliceFrom = now;
      setImmediate(this.#next);
    }
    if (this.waiting === 0 && now - this.#sliceFrom < sliceMs) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Runs once in each round of the loop, after all that had arrived was seen. */
  readonly #next = (): void => {
    const now = this.#now();
    const { waiting } = this;
    this.#lookFrom ??= now;
    if (waiting > 0 && this.#arrived && now - this.#lookFrom < lookMs) {
      this.#arrived = false;
      setImmediate(this.#next);
      return;
    }
    this.#arrived = false;
    this.#lookFrom = undefined;
    if (this.#given !== undefined) this.#learn(this.#given.count, now - this.#given.at);
    this.#given = undefined;
    this.#sliceFrom = undefined;
    if (waiting === 0) return;
    const turnMs = this.#turnMs;
    const count = Math.min(waiting, turnMs === 0 ? 1 : Math.max(1, Math.floor(sliceMs / turnMs)));
    this.#given = { at: now, count };
    this.#sliceFrom = now;
    setImmediate(this.#next);
    for (let i = 0; i < count; i++) this.#waiting[this.#taken++]!();
    if (this.#taken < 1024 && this.#taken < this.#waiting.length) return;
    this.#waiting = this.#waiting.slice(this.#taken);
    this.#taken = 0;
  };

  get #turnMs(): number {
    return this.#drained === 0 ? 0 : this.#drainMs / this.#drained;
  }

  #learn(turns: number, ms: number): void {
    this.#drained += turns;
    this.#drainMs += ms;
    if (this.#drainMs < rememberedMs) return;
    this.#drained /= 2;
    this.#drainMs /= 2;
  }
}
