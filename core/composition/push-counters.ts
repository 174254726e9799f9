/** What may become of a row that is pushed. */
export const pushOutcomes = ['written', 'unchanged', 'refused', 'failed'] as const;

/** Rows that were pushed to one view, by what became of them. */
export type PushCounts = Record<(typeof pushOutcomes)[number], number>;

/** Counts of pushed rows; observable instruments read them when metrics are collected. */
export class PushCounters {
  // Keys: names of views.
  readonly #views = new Map<string, PushCounts>();

  /** The counts of a view, to be added to. */
  of(view: string): PushCounts {
    let counts = this.#views.get(view);
    if (counts === undefined) {
      counts = { written: 0, unchanged: 0, refused: 0, failed: 0 };
      this.#views.set(view, counts);
    }
    return counts;
  }

  views(): Iterable<readonly [view: string, counts: PushCounts]> {
    return this.#views;
  }
}
