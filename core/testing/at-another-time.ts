import type { RunningPart } from '../parts/create-part.js';
import { callContext } from './start-part.js';

/** By how much a clock and a source of randomness are moved. */
interface Shift {
  readonly ms: number;
  readonly random: (value: number) => number;
}

type Startable = Pick<RunningPart, 'start' | 'stop'>;

/** Moves year, month, weekday, hour, minute, second and millisecond. */
const otherMs = (((4_567 * 24 + 7) * 60 + 23) * 60 + 41) * 1000 + 567;

/**
 * A clock for a part, and a way to run something at another time: what a part sees of time and randomness differs, whether it asks its
 * context, `Date`, `performance`, `process.hrtime` or `Math.random`. Time goes on while something runs, so that nothing waits for ever.
 */
export class TimeShift {
  #ms = 0;

  /** For the context of the part. */
  readonly clock = {
    now: (): number => realNow() + this.#ms,
    monotonic: (): number => realPerformanceNow() + this.#ms,
  };

  /** Runs something now, with the first half of what is random. */
  now<T>(work: () => T | Promise<T>): Promise<T> {
    return this.#at({ ms: 0, random: (value) => value / 2 }, work);
  }

  /** Runs something some twelve years later, with the other half of what is random. */
  async later<T>(work: () => T | Promise<T>): Promise<T> {
    // A reference to a clock that was taken before cannot be moved: what it tells differs by then.
    const before = realNow();
    while (realNow() - before < 2) await new Promise((resolve) => setImmediate(resolve));
    return this.#at({ ms: otherMs, random: (value) => 0.5 + value / 2 }, work);
  }

  /**
   * What a part answers now, later, and when it is made and started only then: equal where it depends on neither time nor chance.
   *
   * @param make Makes a part, not started, with `clock` in its context.
   */
  async answers<P extends Startable, T>(
    make: () => Promise<P>,
    ask: (part: P) => T | Promise<T>,
  ): Promise<T[]> {
    const started = async (): Promise<P> => {
      const part = await make();
      await part.start(callContext());
      return part;
    };
    const early = await this.now(started);
    try {
      const answers = [await this.now(() => ask(early)), await this.later(() => ask(early))];
      const late = await this.later(started);
      try {
        return [...answers, await this.later(() => ask(late))];
      } finally {
        await late.stop();
      }
    } finally {
      await early.stop();
    }
  }

  async #at<T>(shift: Shift, work: () => T | Promise<T>): Promise<T> {
    const restore = moveGlobals(shift);
    this.#ms = shift.ms;
    try {
      return await work();
    } finally {
      this.#ms = 0;
      restore();
    }
  }
}

const realNow = Date.now.bind(Date);
const realPerformanceNow = performance.now.bind(performance);

/** @returns Puts everything back as it was. */
function moveGlobals({ ms, random }: Shift): () => void {
  const undo: (() => void)[] = [];
  const replace = (target: object, name: string, value: unknown): void => {
    const own = Object.getOwnPropertyDescriptor(target, name);
    undo.push(() =>
      own === undefined ? Reflect.deleteProperty(target, name) : Object.defineProperty(target, name, own),
    );
    Object.defineProperty(target, name, { value, configurable: true, writable: true });
  };
  const date = Date;
  const now = date.now.bind(date);
  const monotonic = performance.now.bind(performance);
  const hrtime = process.hrtime.bigint.bind(process.hrtime);
  const real = Math.random.bind(Math);
  replace(date, 'now', () => now() + ms);
  replace(performance, 'now', () => monotonic() + ms);
  replace(process.hrtime, 'bigint', () => hrtime() + BigInt(ms) * 1_000_000n);
  replace(Math, 'random', () => random(real()));
  // Of one kind with the real one: `instanceof` and subclasses see no difference.
  const moved = new Proxy(date, {
    construct: (target, args: readonly unknown[], newTarget) =>
      Reflect.construct(target, args.length === 0 ? [target.now()] : args, newTarget) as Date,
    apply: (target) => new target(target.now()).toString(),
  });
  replace(globalThis, 'Date', moved);
  return () => undo.reverse().forEach((put) => void put());
}
