import { randomNumbers } from './random.js';
import { idOf } from './wide-rows.js';
/** How often the rows are pushed, each time newer ones. */
export const pushes = 12;
const pushedRows = 10_000;

const firstMs = Date.parse('2026-01-01T00:00:00Z');

/** What is pushed. */
export interface Pushed {
  readonly url: string;
  /** How many features a row has. */
  readonly features: number;
}

/** What one push brings: an id and features for each row, and the time of all of them. */
export function rowsOfPush(
  push: number,
  { features }: Pushed,
): { id: string[]; eventTime: string; features: Float32Array } {
  const random = randomNumbers(push + 1);
  return {
    id: Array.from({ length: pushedRows }, (_, row) => idOf(row)),
    eventTime: new Date(firstMs + push * 60_000).toISOString(),
    features: Float32Array.from({ length: pushedRows * features }, random),
  };
}

/** How long each push took, milliseconds; what it takes to make up its rows does not count. */
export async function pushTimes(
  prepare: (push: number) => () => Promise<unknown>,
  times: number,
): Promise<number[]> {
  const taken: number[] = [];
  for (let push = 0; push < times; push++) {
    const work = prepare(push);
    const from = performance.now();
    await work();
    taken.push(performance.now() - from);
  }
  return taken;
}
