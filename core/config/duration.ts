import { z } from 'zod';
import { durationText, millisPerDay } from '../kernel/time.js';
import { longestTimerMs } from '../kernel/timer.js';

/**
 * The longest time that something may be kept, milliseconds: 50 years of 365 days. Couchbase takes none that is longer, and any time of
 * this century plus this duration is still exact in microseconds.
 */
const longestKeptMs = 50 * 365 * millisPerDay;

/**
 * The schema of an option, named `…Ms`, that a timer waits for: whole milliseconds, at most 2,147,483,647 (24.8 days), because a longer
 * timer of Node rings after 1 ms.
 *
 * @param options.min The least, milliseconds; default 1. Give 0 where 0 means "at once" or "never".
 */
export function milliseconds({ min = 1 }: { readonly min?: number } = {}): z.ZodInt {
  return between(min, longestTimerMs);
}

/**
 * The schema of an option, named `…Ms`, that is compared with a clock and never waited for: an age, a time to live. Whole milliseconds, at
 * most 50 years.
 *
 * @param options.min The least, milliseconds; default 1.
 */
export function longMilliseconds({ min = 1 }: { readonly min?: number } = {}): z.ZodInt {
  return between(min, longestKeptMs);
}

function between(min: number, max: number): z.ZodInt {
  return z
    .int({ error: ({ code }) => (code === 'too_big' ? tooLong(max) : undefined) })
    .min(min, tooShort(min))
    .max(max, tooLong(max));
}

function tooLong(max: number): string {
  return `must be at most ${max} ms (${durationText(max)})`;
}

function tooShort(min: number): string {
  return `must be at least ${min} ms`;
}

/**
 * Reads a duration that a person or a program wrote as text: a flag, a header, an environment variable.
 *
 * @param options.min The least, milliseconds; default 1.
 * @returns The milliseconds, or what is wrong with the text, to be written after the name of the flag, header or variable.
 */
export function readMilliseconds(text: string, { min = 1 }: { readonly min?: number } = {}): number | string {
  if (!/^\d+$/.test(text)) {
    const given = JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}…` : text);
    return `${given} is not a whole number of milliseconds`;
  }
  const value = Number(text);
  if (value > longestTimerMs) return tooLong(longestTimerMs);
  return value < min ? tooShort(min) : value;
}
