import type { ServerResponse } from 'node:http';
import type { Counter, PartContext } from 'vivace';
import { startTimer } from 'vivace/kit';

export interface WriteLimits {
  /** How long a peer may take to read an answer, milliseconds. */
  readonly writeTimeoutMs: number;
  /** The most bytes of answers that wait for their peers. */
  readonly maxBufferedBytes: number;
}

/** Answers that the operating system has not taken yet, because their peers do not read: each waits only so long, and all only hold so much. */
export class UnsentAnswers {
  readonly #limits: WriteLimits;
  readonly #clock: PartContext['clock'];
  readonly #cut: Counter;
  /** The one that waits longest first. */
  readonly #answers = new Map<ServerResponse, { readonly bytes: number; readonly until: number }>();
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: WriteLimits, context: Pick<PartContext, 'clock' | 'counter'>) {
    this.#limits = limits;
    this.#clock = context.clock;
    this.#cut = context.counter('answers.cut', {
      unit: '{answer}',
      description: 'Answers given up because their peers did not read them',
    });
  }

  /** Watches a response whose answer of so many bytes has been handed over, until its peer has it. */
  watch(response: ServerResponse, bytes: number): void {
    if (response.writableLength === 0 || response.closed) return;
    this.#answers.set(response, { bytes, until: this.#clock.monotonic() + this.#limits.writeTimeoutMs });
    this.#bytes += bytes;
    response.once('close', () => this.#forget(response));
    this.#wait();
    for (const [oldest] of this.#answers) {
      if (this.#bytes <= this.#limits.maxBufferedBytes) break;
      this.#giveUp(oldest, 'bytes');
    }
  }

  #wait(): void {
    if (this.#timer !== undefined) return;
    for (const { until } of this.#answers.values()) {
      this.#timer = startTimer(this.#onTime, until - this.#clock.monotonic()).unref();
      break;
    }
  }

  readonly #onTime = (): void => {
    this.#timer = undefined;
    const now = this.#clock.monotonic();
    for (const [response, { until }] of this.#answers) {
      if (until > now) break;
      this.#giveUp(response, 'time');
    }
    this.#wait();
  };

  #giveUp(response: ServerResponse, reason: 'time' | 'bytes'): void {
    this.#cut.add(1, { 'vivace.reason': reason });
    this.#forget(response);
    response.destroy();
  }

  #forget(response: ServerResponse): void {
    const answer = this.#answers.get(response);
    if (answer === undefined) return;
    this.#answers.delete(response);
    this.#bytes -= answer.bytes;
  }
}
