import type { Cell } from '../../data/column.js';
import { microsPerDay as day } from '../../kernel/time.js';

/** Something that happened, with its times in days. */
export interface HistoryEvent {
  readonly key: string;
  readonly event: number;
  readonly available: number;
  readonly value: number | null;
  readonly text: string | null;
  readonly double: number | null;
  readonly flag: boolean | null;
  /** Microseconds. */
  readonly moment: number | null;
}

/** A row of aggregates over 1 and 3 days, or hours: of the definition, not of any engine. */
export interface DefinedRow {
  readonly event: number;
  readonly available: number;
  /** Number of events of 1 and of 3 days; then over 3 days: sum, mean, deviation, share above 4, least, greatest. */
  readonly cells: readonly (number | null)[];
  /** Over 1 and 3 days, of each column in turn: the first value, the last one, and how many different ones, at most 4. */
  readonly values: readonly Cell[];
}

/** The columns of an event that may be of any type. */
export const valueColumns = ['value', 'text', 'double', 'flag', 'moment'] as const;

/** The same numbers every time, at least 0 and less than 1. */
export function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * Events of some keys over 40 days: most on time, some an hour to 20 days late, ties, nulls, and keys that fall silent.
 *
 * @param size.grain A part of a day that stands for each of these days; default 1.
 */
export function randomHistory(
  seed: number,
  size: { readonly events: number; readonly keys: number; readonly grain?: number },
): HistoryEvent[] {
  const { grain = 1 } = size;
  const random = numbersFrom(seed);
  const some = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  return Array.from({ length: size.events }, () => {
    const key = Math.floor(random() * size.keys);
    // Key 0 falls silent, key 1 begins late.
    const [from, to] = key === 0 ? [0, 8] : key === 1 ? [30, 40] : [0, 40];
    const event = from + Math.round(random() * (to - from) * 4) / 4;
    const late = random() < 0.15 ? Math.round(random() * 20 * 24) / 24 : 0;
    const value = random() < 0.1 ? null : Math.round(random() * 1000) - 500;
    return {
      key: `k${key}`,
      event: event * grain,
      available: (event + late) * grain,
      value,
      text: some(['', 'a', 'A', 'é', 'z', 'zż', '\u{1f986}', '\uff21', null]),
      double: some([0, -0, NaN, Infinity, -Infinity, 0.1, -2.5, null]),
      flag: some([true, false, null]),
      moment: some([-1, 0, 1.5, 1.25, null].map((at) => at && at * day)),
    };
  });
}

/**
 * What the row of a key is as of a moment, by the definition: from what had arrived, dated the day of the moment or, where that is earlier, the
 * day on which the longest window has emptied.
 *
 * @param asked.moment In days.
 * @param asked.grain Microseconds of a day, or of the hour that is meant by a day.
 */
export function definedRow(
  history: readonly HistoryEvent[],
  { key, moment, grain }: { readonly key: string; readonly moment: number; readonly grain: number },
): DefinedRow | undefined {
  const longest = 3;
  const micros = (days: number): number => Math.round(days * day);
  const dayOf = (days: number): number => Math.floor(micros(days) / grain);
  const arrived = history.filter(
    (each) =>
      each.key === key && micros(each.available) <= micros(moment) && dayOf(each.event) < dayOf(moment),
  );
  if (arrived.length === 0) return undefined;
  const last = Math.max(...arrived.map(({ event }) => dayOf(event)));
  const dated = Math.min(dayOf(moment), last + longest + 1);
  const of = (days: number): HistoryEvent[] => arrived.filter(({ event }) => dayOf(event) >= dated - days);
  const values = of(longest).flatMap(({ value }) => value ?? []);
  const sum = values.reduce((total, value) => total + value, 0);
  const mean = sum / values.length;
  const squares = values.reduce((total, value) => total + (value - mean) ** 2, 0);
  const some = <T>(value: T): T | null => (values.length === 0 ? null : value);
  return {
    event: dated * grain,
    available: Math.max(dated * grain, ...of(longest).map(({ available }) => micros(available))),
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
    values: valueColumns.flatMap((column) => [1, longest].flatMap((days) => definedValues(of(days), column))),
  };
}

/** The first value, the last one, and how many different ones, at most 4. */
function definedValues(events: readonly HistoryEvent[], column: (typeof valueColumns)[number]): Cell[] {
  const known = events.filter((each) => each[column] !== null);
  const inOrder = known.toSorted(
    (a, b) => a.event - b.event || a.available - b.available || compare(a[column]!, b[column]!),
  );
  // Keys: cells. A Set takes -0 for 0, and every NaN for one.
  const different = new Set(known.map((each) => each[column]));
  const cell = (each: HistoryEvent | undefined): Cell => {
    const value = each?.[column] ?? null;
    return Object.is(value, -0) ? 0 : value;
  };
  return [cell(inOrder[0]), cell(inOrder.at(-1)), Math.min(different.size, 4)];
}

/** Texts by their bytes; NaN after every number. */
function compare<T extends number | string | boolean>(a: T, b: T): number {
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b as string));
  const [one, other] = [Number(a), Number(b)];
  return Number.isNaN(one) || Number.isNaN(other)
    ? Number(Number.isNaN(one)) - Number(Number.isNaN(other))
    : one === other
      ? 0
      : one < other
        ? -1
        : 1;
}
