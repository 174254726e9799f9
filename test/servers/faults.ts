/** What happens to backends. Every adapter of one either has a test that causes it, or says why it cannot happen to it. */
export const faults = [
  'killed and restarted',
  'frozen',
  'slow',
  'half of the keys failing',
  'cut in the middle of an answer',
  'wrong password',
  'TLS with the wrong CA',
  'full disk',
  'throttled',
  'closed while idle',
  '1,000 cuts',
] as const;

export type Fault = (typeof faults)[number];

/** A fault that is caused, and what follows from it as the documentation says it: `UNAVAILABLE at once, then whole again`. */
export interface CausedFault {
  readonly outcome: string;
  readonly run: () => Promise<void>;
}

/** One adapter's row of the table in docs/testing-vivace.md. */
export type FaultTable = Readonly<Record<Fault, CausedFault | { readonly none: string }>>;

/** A test for each fault of a table that is caused. */
export function defineFaults(table: FaultTable): void {
  describe('faults', () => {
    for (const fault of faults) {
      const entry = table[fault];
      if ('none' in entry) continue;
      it(`${fault}: ${entry.outcome}`, entry.run);
    }
  });
}
