import { microsPerDay as day } from '../../kernel/time.js';

/** Something that happened, with its times in days. */
export interface HistoryEvent {
  readonly key: string;
  readonly event: number;
  readonly available: number;
  readonly value: number | null;
}

/** A row of aggregates over 1 and 3 days: of the definition, not of any engine. */
export interface DefinedRow {
  readonly event: number;
  readonly available: number;
  /** Number of events of 1 and of 3 days; then over 3 days: sum, mean, deviation, share above 4, least, greatest. */
  readonly cells: readonly (number | null)[];
}

/** The same numbers every time, at least 0 and less than 1. */
export function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Events of some keys over 40 days: most on time, some an hour to 20 days late, ties, nulls, and keys that fall silent. */
export function randomHistory(
  seed: number,
  size: { readonly events: number; readonly keys: number },
): HistoryEvent[] {
  const random = numbersFrom(seed);
  return Array.from({ length: size.events }, () => {
    const key = Math.floor(random() * size.keys);
    // Key 0 falls silent, key 1 begins late.
    const [from, to] = key === 0 ? [0, 8] : key === 1 ? [30, 40] : [0, 40];
    const event = from + Math.round(random() * (to - from) * 4) / 4;
    const late = random() < 0.15 ? Math.round(random() * 20 * 24) / 24 : 0;
    const value = random() < 0.1 ? null : Math.round(random() * 1000) - 500;
    return { key: `k${key}`, event, available: event + late, value };
  });
}

/**
 * What the row of a key is as of a moment, by the definition: from what had arrived, dated the day of the moment or, where that is earlier, the
 * day on which the longest window has emptied.
 */
export function definedRow(
  history: readonly HistoryEvent[],
  key: string,
  moment: number,
): DefinedRow | undefined {
  const longest = 3;
  const arrived = history.filter(
    (each) =>
      each.key === key &&
      Math.round(each.available * day) <= Math.round(moment * day) &&
      Math.floor(each.event) < Math.floor(moment),
  );
  if (arrived.length === 0) return undefined;
  const last = Math.max(...arrived.map(({ event }) => Math.floor(event)));
  const dated = Math.min(Math.floor(moment), last + longest + 1);
  const of = (days: number): HistoryEvent[] =>
    arrived.filter(({ event }) => Math.floor(event) >= dated - days);
  const values = of(longest).flatMap(({ value }) => value ?? []);
  const sum = values.reduce((total, value) => total + value, 0);
  const mean = sum / values.length;
  const squares = values.reduce((total, value) => total + (value - mean) ** 2, 0);
  const some = <T>(value: T): T | null => (values.length === 0 ? null : value);
  return {
    event: dated * day,
    available: Math.max(dated, ...of(longest).map(({ available }) => available)) * day,
    cells: [
      of(1).length,
      of(longest).length,
      sum,
      some(mean),
      values.length < 2 ? null : Math.sqrt(squares / (values.length - 1)),
      some(values.filter((value) => value > 4).length / values.length),
      some(Math.min(...values)),
      some(Math.max(...values)),
    ],
  };
}
