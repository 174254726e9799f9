import { mistake } from './configuration.js';

const day = /^\d{4}-\d{2}-\d{2}$/;
const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:\d{2})$/;

/**
 * The last moment of a time that is meant inclusively, epoch milliseconds: the last microsecond of a day (UTC), the time itself otherwise.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT`
 */
export function lastMoment(text: string): number {
  const isDay = day.test(text);
  const ms = isDay ? Date.parse(`${text}T23:59:59.999Z`) : rfc3339.test(text) ? Date.parse(text) : NaN;
  // Date.parse moves 31 June on to 1 July.
  if (Number.isNaN(ms) || (isDay && !new Date(ms).toISOString().startsWith(text))) {
    throw mistake(
      `--until: "${text}" is neither a day such as 2001-06-15 nor a time such as 2001-06-15T12:00:00Z`,
    );
  }
  return isDay ? ms + 0.999 : ms;
}
