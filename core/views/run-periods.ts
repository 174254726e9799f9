import { dayOf, formatInstant, instantOf, startOfDay } from '../kernel/time.js';
import type { Stretch } from './ledger.js';

/** Days since 1970 (UTC), both inclusive. */
export interface DaySpan {
  readonly first: number;
  readonly last: number;
}

/** A span of days as ledgers have it: `2001-06-15`, or the first and the last day as `2001-06-01/2001-06-15`. */
export function periodText({ first, last }: DaySpan): string {
  const date = (day: number): string => (formatInstant(startOfDay(day)) ?? '').slice(0, 10);
  return first === last ? date(first) : `${date(first)}/${date(last)}`;
}

/** Reads what {@link periodText} has written. */
export function parsePeriod(text: string): DaySpan {
  const [first, last = first] = text.split('/').map((date) => dayOf(instantOf(`${date}T00:00:00Z`) ?? NaN));
  return { first: first!, last: last! };
}

/** Whether a stretch leaves out nothing of what comes after a time, microseconds. */
export function goesOn({ after }: Pick<Stretch, 'after'>, until: number): boolean {
  return after === null || after <= until;
}
