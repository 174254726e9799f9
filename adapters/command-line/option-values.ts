import { didYouMean, millisOf, millisPerDay, readMilliseconds, readMoment } from 'vivace';
import { count } from './progress.js';
import { UsageError } from './usage-error.js';

/**
 * The value of an option that is a port: 0 to 65,535.
 *
 * @throws {UsageError} as every function of this file.
 */
export function portOf(option: string, text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new UsageError(`${option}: "${text}" is not a port: a whole number from 0 to 65535`);
}

/** The value of an option that is a duration: whole milliseconds from 0 to what a timer can wait. */
export function millisecondsOf(option: string, text: string): number {
  const read = readMilliseconds(text, { min: 0 });
  if (typeof read === 'string') throw new UsageError(`${option}: ${read}`);
  return read;
}

/** Milliseconds of a unit of time. */
const unitsMs: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: millisPerDay,
};

/** The value of an option that is an age: `30d`, `12h`, `90m`. */
export function durationOf(option: string, text: string): number {
  const [, value, unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (value !== undefined) return Number(value) * unitsMs[unit]!;
  throw new UsageError(
    `${option}: "${text}" is not a duration: write minutes, hours or days, as 90m, 12h or 30d`,
  );
}

/** The value of an option that is a number above 0 and at most `most`. */
export function positiveOf(option: string, text: string, most: number): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= most) return value;
  throw new UsageError(`${option}: "${text}" is not a number above 0 and at most ${count(most)}`);
}

/**
 * The value of an option that is a time, which is meant inclusively: for a date its last microsecond (UTC), of the date of today now, otherwise
 * the time itself.
 *
 * @returns Epoch milliseconds, with the microseconds as their fraction.
 */
export function lastMomentOf(option: string, text: string, nowMs = Date.now()): number {
  const moment = readMoment(text);
  if (typeof moment === 'string') throw new UsageError(`${option}: ${moment}`);
  const [first, last] = [millisOf(moment.first), millisOf(moment.last)];
  return first <= nowMs && nowMs < last ? nowMs : last;
}

/**
 * The value of an option that is a time; of a date its midnight (UTC).
 *
 * @returns Epoch milliseconds, with the microseconds as their fraction.
 */
export function momentOf(option: string, text: string): number {
  const moment = readMoment(text);
  if (typeof moment === 'string') throw new UsageError(`${option}: ${moment}`);
  return millisOf(moment.first);
}

/**
 * The value of an option that is a number of rows, or a share of them.
 *
 * @returns What it comes to of some rows.
 */
export function rowsOrShareOf(option: string, text: string): (rows: number) => number {
  if (/^\d{1,15}$/.test(text)) return () => Number(text);
  const [, percent] = /^(\d{1,3}(?:\.\d{1,9})?)%$/.exec(text) ?? [];
  if (percent !== undefined && Number(percent) <= 100) return (rows) => (rows * Number(percent)) / 100;
  throw new UsageError(`${option}: "${text}" is not a number of rows, as 10, or a share of them, as 0.1%`);
}

/**
 * The value of an option that is some days: `2001-06-15`, or the first and the last as `2001-06-01..2001-06-15`.
 *
 * @returns Days since 1970, both inclusive.
 */
export function daysOf(option: string, text: string): { readonly first: number; readonly last: number } {
  const [first, last = first, ...others] = text.split('..').map((date) => {
    const moment = readMoment(date);
    // A time is a moment, a date all of its day.
    const isDate = typeof moment !== 'string' && moment.last > moment.first + 1000 * (millisPerDay - 1);
    return isDate ? millisOf(moment.first) / millisPerDay : NaN;
  });
  if (others.length === 0 && first! <= last!) return { first: first!, last: last! };
  throw new UsageError(
    `${option}: "${text}" is not a day or a stretch of days: write 2001-06-15, or the first and the last day as 2001-06-01..2001-06-15`,
  );
}

/** A value that is one of a few names. */
export function choiceOf<T extends string>(what: string, text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  const list = choices.join(' or ');
  const hint = didYouMean(text, choices);
  throw new UsageError(`"${text}" is not ${what}: give ${list}${hint.includes('did you mean') ? hint : ''}`);
}
