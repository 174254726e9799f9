import { millisOf, readMilliseconds, readMoment } from 'vivace';
import { mistake } from './configuration.js';

/**
 * Reads a time that is meant inclusively: for a date its last microsecond (UTC), otherwise the time itself.
 *
 * @param option The flag it is given by, for the message.
 * @returns Epoch milliseconds, with the microseconds as their fraction.
 * @throws {VivaceError} `INVALID_ARGUMENT`
 */
export function lastMoment(option: string, text: string): number {
  const moment = readMoment(text);
  if (typeof moment === 'string') throw mistake(`${option}: ${moment}`);
  return millisOf(moment.last);
}

/** The parser of a flag that is a duration: whole milliseconds from 0 to what a timer can wait. */
export function millisecondsOf(option: string): (text: string) => number {
  return (text) => {
    const read = readMilliseconds(text, { min: 0 });
    if (typeof read === 'string') throw mistake(`${option}: ${read}`);
    return read;
  };
}
