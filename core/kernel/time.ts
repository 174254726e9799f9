/**
 * Instants, days and durations: the one place that reads and writes them as text and converts between units. An instant is whole
 * microseconds since 1970-01-01T00:00:00Z, as columns of type `timestamp` hold it.
 */

declare const unit: unique symbol;

/** Whole microseconds since 1970-01-01T00:00:00Z. */
export type Instant = number & { readonly [unit]: 'instant' };

/** Whole days since 1970-01-01, in UTC. */
export type Day = number & { readonly [unit]: 'day' };

export const microsPerMilli = 1000;
export const microsPerSecond = 1_000_000;
export const microsPerHour = 3600 * microsPerSecond;
export const microsPerDay = 24 * microsPerHour;
export const millisPerDay = microsPerDay / microsPerMilli;

/** What is accepted where a person writes a moment; ends the message about anything else. */
export const momentForms =
  'a date such as 2001-06-15, or an RFC 3339 time with its zone such as 2001-06-15T12:00:00Z';

/** An RFC 3339 text with seconds and at most six decimals of them, as the JSON schema of a timestamp says. */
export const rfc3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(\d{1,6}))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** What a person writes, and what comes close enough to say what is wrong with it. */
const momentText =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?([Zz]|[+-]\d{2}:\d{2})?)?$/;

/** Days from 0000-03-01 to 1970-01-01, and in 400 years. */
const daysToEpoch = 719_468;
const daysPerEra = 146_097;

/** The times that RFC 3339 can express: the years 0 to 9999 in UTC, microseconds. */
const firstMicros = daysBefore(0, 1, 1) * microsPerDay;
const endMicros = daysBefore(10_000, 1, 1) * microsPerDay;

/** The first and the last times that a float64 of microseconds holds: those of RFC 3339, whose last ones lie 32 microseconds apart. */
export const timeBounds = { first: firstMicros, last: endMicros - 32 } as const;

const isTime = (micros: number): boolean => micros >= firstMicros && micros < endMicros;

/** The nearest instant to epoch milliseconds, which may have a fraction. */
export function instantOfMillis(ms: number): Instant {
  return Math.round(ms * microsPerMilli) as Instant;
}

/** Epoch milliseconds of microseconds, with the microseconds as their fraction: exact from 1831 to 2109. */
export function millisOf(micros: number): number {
  return micros / microsPerMilli;
}

/** The day (UTC) that an instant is in. */
export function dayOf(micros: number): Day {
  return Math.floor(micros / microsPerDay) as Day;
}

/** The first instant of a day. */
export function startOfDay(day: number): Instant {
  return (day * microsPerDay) as Instant;
}

/** A day in the proleptic Gregorian calendar. */
export interface CalendarDay {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  /** 1 to 31. */
  readonly day: number;
  /** 1 (Monday) to 7, as ISO 8601 counts. */
  readonly weekday: number;
  /** 1 to 366. */
  readonly dayOfYear: number;
}

/** Where a day lies in the calendar. */
export function calendarDay(day: number): CalendarDay {
  // Years of 400 begin in March here, so that the leap day is a year's last.
  const shifted = day + daysToEpoch;
  const era = Math.floor(shifted / daysPerEra);
  const inEra = shifted - era * daysPerEra;
  const yearOfEra = Math.floor(
    (inEra - Math.floor(inEra / 1460) + Math.floor(inEra / 36_524) - Math.floor(inEra / 146_096)) / 365,
  );
  const inYear = inEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * inYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return {
    year,
    month,
    day: inYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1,
    // 1970-01-01 was a Thursday.
    weekday: ((((day + 3) % 7) + 7) % 7) + 1,
    dayOfYear: day - daysBefore(year, 1, 1) + 1,
  };
}

/**
 * Days from 1970-01-01 to a date; negative before it.
 *
 * @see https://howardhinnant.github.io/date_algorithms.html#days_from_civil
 */
function daysBefore(year: number, month: number, day: number): Day {
  const shiftedYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(shiftedYear / 400);
  const yearOfEra = shiftedYear - era * 400;
  const inYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const inEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + inYear;
  return (era * daysPerEra + inEra - daysToEpoch) as Day;
}

function daysInMonth(year: number, month: number): number {
  return month === 2
    ? year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
      ? 29
      : 28
    : [4, 6, 9, 11].includes(month)
      ? 30
      : 31;
}

/** What a text says, or what is wrong with it. */
type Read =
  | { readonly wrong: string }
  | { readonly form: 'date' | 'minute' | 'second'; readonly seconds: number; readonly micros: number };

/** Reads any of the forms; `zone: 'none'`: a time is without its zone, and UTC is meant. */
function read(text: string, zone: 'given' | 'none' = 'given'): Read {
  const match = momentText.exec(text);
  if (match === null) return { wrong: '' };
  const [, year, month, day, hour, minute, second, fraction = '', offset] = match;
  const date = [Number(year), Number(month), Number(day)] as const;
  if (date[1] < 1 || date[1] > 12 || date[2] < 1 || date[2] > daysInMonth(date[0], date[1]))
    return { wrong: ': there is no such day' };
  const days = daysBefore(...date);
  if (hour === undefined) return { form: 'date', seconds: days * 86_400, micros: 0 };
  if (zone === 'given' && text[10] === ' ') return { wrong: ': write a T between the day and the time' };
  if (zone === 'given' && offset === undefined) return { wrong: ': it has no zone' };
  if (zone === 'none' && offset !== undefined) return { wrong: ': it has a zone' };
  if (second === '60') return { wrong: ': leap seconds cannot be stored' };
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second ?? 0) > 59)
    return { wrong: ': there is no such time of day' };
  if (fraction.length > 6) return { wrong: ': it has more than six decimals of a second' };
  const shift = offset === undefined || /[Zz]/.test(offset) ? 0 : offsetMinutes(offset);
  if (shift === undefined) return { wrong: ': there is no such zone' };
  return {
    form: second === undefined ? 'minute' : 'second',
    seconds: days * 86_400 + Number(hour) * 3600 + (Number(minute) - shift) * 60 + Number(second ?? 0),
    micros: Number(fraction.padEnd(6, '0')),
  };
}

/** `+02:00` → 120; `undefined` for a zone that RFC 3339 does not know. */
function offsetMinutes(text: string): number | undefined {
  const hours = Number(text.slice(1, 3));
  const minutes = Number(text.slice(4));
  if (hours > 23 || minutes > 59) return undefined;
  return (text.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}

/** The instant, or `undefined` where RFC 3339 cannot express it in UTC, or a float64 does not hold its microseconds exactly. */
function exact({
  seconds,
  micros,
}: {
  readonly seconds: number;
  readonly micros: number;
}): Instant | undefined {
  const whole = seconds * microsPerSecond;
  // Before 1684 and after 2255 a float64 does not tell every microsecond from the next.
  return isTime(whole + micros) && whole + micros - whole === micros
    ? ((whole + micros) as Instant)
    : undefined;
}

/**
 * The instant of an RFC 3339 text with seconds, or, in code, of a Date, as in requests: a protocol's times follow the specification to the
 * letter. `undefined` for anything else, and for a time that is not exact in microseconds.
 */
export function instantOf(value: unknown): Instant | undefined {
  if (value instanceof Date) {
    const micros = value.getTime() * microsPerMilli;
    return isTime(micros) ? (micros as Instant) : undefined;
  }
  if (typeof value !== 'string') return undefined;
  const found = read(value);
  return 'wrong' in found || found.form !== 'second' ? undefined : exact(found);
}

/** The instants that a person means by a moment: those of a whole day, or just one. Both ends are included. */
export interface Moment {
  readonly first: Instant;
  readonly last: Instant;
}

/**
 * Reads a moment as people write it on a command line, in a file or in code: a date (the whole day in UTC), an RFC 3339 time, whose seconds
 * may be left out, or a Date.
 *
 * @returns The moment, or what is wrong with it and what is expected.
 */
export function readMoment(value: unknown): Moment | string {
  const wrong = (why: string): string => `${quoted(value)} is not a time${why}; write ${momentForms}`;
  if (value instanceof Date) {
    const at = instantOf(value);
    return at === undefined ? wrong('') : { first: at, last: at };
  }
  if (typeof value !== 'string') return wrong('');
  const found = read(value);
  if ('wrong' in found) return wrong(found.wrong);
  const first = exact(found);
  if (first === undefined) {
    return wrong(
      isTime(found.seconds * microsPerSecond)
        ? ': times are exact to the microsecond only from the year 1684 to 2255'
        : ': it is not within the years 0000 to 9999 in UTC',
    );
  }
  return { first, last: found.form === 'date' ? ((first + microsPerDay - 1) as Instant) : first };
}

function quoted(value: unknown): string {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString();
  if (typeof value !== 'string')
    return value === null || value === undefined ? String(value) : `a ${typeof value}`;
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}…` : value);
}

/**
 * The instant of a date, or of a date and time without a zone, in UTC, as warehouses write them: `2001-02-03`, `2001-02-03 04:05:06.789`.
 * Where a float64 does not hold the microseconds exactly, it is the nearest instant. `undefined` for anything else.
 */
export function instantOfUtcText(text: string): Instant | undefined {
  const found = read(text, 'none');
  return 'wrong' in found ? undefined : ((found.seconds * microsPerSecond + found.micros) as Instant);
}

/** Microseconds as RFC 3339 in UTC, with as many digits as there are; `null` where it is not a time, or not one that RFC 3339 can write. */
export function formatInstant(micros: number): string | null {
  const text = formatMicros(micros);
  return text === null ? null : text.replace(/(?:\.000000|(?<=\.\d{3})000)Z$/, 'Z');
}

/** Microseconds as RFC 3339 in UTC, with six decimals; `null` where it is not a time, or not one that RFC 3339 can write. */
export function formatMicros(micros: number): string | null {
  if (!isTime(micros)) return null;
  const whole = Math.floor(micros);
  const seconds = Math.floor(whole / microsPerSecond);
  const text = new Date(seconds * 1000).toISOString();
  return `${text.slice(0, 19)}.${String(whole - seconds * microsPerSecond).padStart(6, '0')}Z`;
}

/** Epoch milliseconds as RFC 3339 in UTC, with three decimals; `null` where it is not a time, or not one that RFC 3339 can write. */
export function formatMillis(ms: number): string | null {
  const text = formatMicros(Math.floor(ms) * microsPerMilli);
  return text === null ? null : `${text.slice(0, 23)}Z`;
}

/** A duration in words for messages: `24.8 days`, `1.5 s`, `200 ms`. */
export function durationText(ms: number): string {
  const [size, name] = durationUnits.find(([from]) => ms >= from) ?? [1, 'ms'];
  return `${Math.floor((ms / size) * 10) / 10} ${name}`;
}

const durationUnits: readonly (readonly [number, string])[] = [
  [365 * millisPerDay, 'years'],
  [millisPerDay, 'days'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
];
