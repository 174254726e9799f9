/** An RFC 3339 text with at most six decimals of a second. */
export const rfc3339 =
  /^(\d{4}-\d{2}-\d{2})[Tt]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(\d{1,6}))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
/** The times that RFC 3339 has a text for: the years 0 to 9999 in UTC, microseconds. */
const firstMicros = Date.parse('0000-01-01T00:00:00Z') * 1000;
const endMicros = Date.parse('9999-12-31T23:59:59Z') * 1000 + 1_000_000;

const isTime = (micros: number): boolean => micros >= firstMicros && micros < endMicros;

/** RFC 3339 text, or, in code, a Date; `undefined` for anything else, and for a time that is not exact in microseconds. */
export function timestampMicros(value: unknown): number | undefined {
  if (value instanceof Date) return isTime(value.getTime() * 1000) ? value.getTime() * 1000 : undefined;
  if (typeof value !== 'string') return undefined;
  const match = rfc3339.exec(value);
  if (match === null) return undefined;
  const [, date, time, fraction = '', zone] = match as unknown as [
    string,
    string,
    string,
    string | undefined,
    string,
  ];
  const seconds = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  if (Number.isNaN(seconds) || !isDay(date)) return undefined;
  const rest = Number(fraction.padEnd(6, '0'));
  const micros = seconds * 1000 + rest;
  // Before 1684 and after 2255 a float64 does not tell every microsecond from the next.
  return isTime(micros) && micros - seconds * 1000 === rest ? micros : undefined;
}

/** Date.parse lets 30 February pass as 2 March. */
function isDay(date: string): boolean {
  return new Date(`${date}T00:00:00Z`).toISOString().startsWith(date);
}

/** Microseconds as RFC 3339 in UTC, with as many digits as there are; `null` for what is no time, or none that RFC 3339 can write. */
export function formatTimestamp(micros: number): string | null {
  if (!isTime(micros)) return null;
  const millis = Math.floor(micros / 1000);
  const rest = micros - millis * 1000;
  const text = new Date(millis).toISOString();
  if (rest !== 0) return `${text.slice(0, -1)}${String(rest).padStart(3, '0')}Z`;
  return text.endsWith('.000Z') ? `${text.slice(0, -5)}Z` : text;
}
