import type { Call } from './call.js';
import type { Instance } from './instance.js';
import { joinable } from './tensors.js';

/** Calls that wait for an instance, first come first served; those that are repeated go before the rest. */
export class WaitingCalls {
  readonly #again = new Set<Call>();
  readonly #waiting = new Set<Call>();
  readonly #maxBatchRows: number;
  #rows = 0;

  constructor(maxBatchRows: number) {
    this.#maxBatchRows = maxBatchRows;
  }

  /** The rows that wait. */
  get rows(): number {
    return this.#rows;
  }

  get size(): number {
    return this.#again.size + this.#waiting.size;
  }

  add(call: Call, again = false): void {
    (again ? this.#again : this.#waiting).add(call);
    this.#rows += call.rows;
    call.onLeave = this.#remove;
  }

  /**
   * Takes the calls that are predicted together next: as many as fit, in order.
   *
   * @param others Whether there are other instances, to which calls that avoid this one can go.
   */
  take(instance: Instance, others: boolean): Call[] {
    const batch: Call[] = [];
    let rows = 0;
    for (const calls of [this.#again, this.#waiting]) {
      for (const call of calls) {
        if (others && call.avoid === instance) continue;
        if (batch.length > 0 && !this.#fits(call, batch[0]!, rows)) return batch;
        batch.push(call);
        rows += call.rows;
        this.#remove(call);
        if (call.alone) return batch;
      }
    }
    return batch;
  }

  /** Takes all of them. */
  drain(): Call[] {
    const calls = [...this.#again, ...this.#waiting];
    for (const call of calls) this.#remove(call);
    return calls;
  }

  #fits(call: Call, first: Call, rows: number): boolean {
    return !call.alone && rows + call.rows <= this.#maxBatchRows && joinable(first.inputs, call.inputs);
  }

  readonly #remove = (call: Call): void => {
    if (this.#again.delete(call) || this.#waiting.delete(call)) this.#rows -= call.rows;
  };
}
