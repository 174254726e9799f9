import { endedWithin } from '../kernel/ended-within.js';
import type { CallGate } from './call-gate.js';
import type { HttpFront } from './http-front.js';
import type { PartSet } from './part-set.js';

type Fronts = ReadonlyMap<string, HttpFront>;

/** What a server does for one that takes over from it: its requests wait where they must, and go on where the other one serves. */
export class Handover {
  readonly #parts: PartSet;
  readonly #gate: CallGate;
  #superseded: Promise<unknown> | undefined;
  /** Lets go what waits. */
  #release: ((fronts: Fronts) => void) | undefined;

  constructor(parts: PartSet, gate: CallGate) {
    this.#parts = parts;
    this.#gate = gate;
  }

  /** Set once another server has taken over: ends when the HTTP exchanges that began here have ended. */
  get superseded(): Promise<unknown> | undefined {
    return this.#superseded;
  }

  /** Whether requests wait. */
  get isHeld(): boolean {
    return this.#release !== undefined;
  }

  /** Stops parts, and those that use them, so that a server which takes over can start its own; requests wait meanwhile. */
  async vacate(names: readonly string[], drainTimeoutMs: number): Promise<void> {
    const until = performance.now() + drainTimeoutMs;
    const released = new Promise<Fronts>((resolve) => (this.#release = resolve));
    const ended = [...this.#parts.fronts].map(([name, front]) =>
      front.hold(released.then((fronts) => (fronts.get(name) ?? front).routers)),
    );
    // Exchanges that began before may still wait for their turn, or for their body: they go through the gate first.
    await endedWithin(Promise.allSettled(ended), drainTimeoutMs);
    this.#gate.hold(released);
    await this.#gate.untilIdle(Math.max(0, until - performance.now()));
    this.#parts.log.info('parts stop for those that replace them', { parts: names });
    await this.#parts.vacate(names);
  }

  /** Lets the parts of another server answer from now on, and gives it those that it keeps, in one step. */
  passTo(next: PartSet): void {
    const before = this.#parts.fronts;
    const ended = [...next.fronts].map(([name, front]) => {
      const leaving = before.get(name);
      return leaving === undefined ? front.open() : front.openInsteadOf(leaving);
    });
    next.takeKept();
    this.#superseded = Promise.allSettled(ended);
    if (this.isHeld) this.#letGo(next.fronts, { refusing: true });
  }

  /**
   * Lets go what waits, after another server has failed to take over.
   *
   * @param options.refusing Whether the calls that wait are refused, because this server does not serve any more.
   */
  resume({ refusing }: { readonly refusing: boolean }): void {
    const { fronts } = this.#parts;
    if (!refusing) for (const front of fronts.values()) void front.open();
    this.#letGo(fronts, { refusing });
  }

  #letGo(fronts: Fronts, { refusing }: { readonly refusing: boolean }): void {
    if (refusing) this.#gate.close();
    this.#release?.(fronts);
    this.#release = undefined;
  }
}
