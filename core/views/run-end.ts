import { formatInstant, instantOfMillis } from '../kernel/time.js';

/**
 * Why rows cannot be copied up to a time: one in the future, of which rows are missing yet, and would be taken for copied.
 *
 * @param untilMs Epoch milliseconds, as `nowMs`.
 * @returns `undefined` for a time that has come.
 */
export function whyNotUntil(untilMs: number, nowMs: number): string | undefined {
  if (untilMs <= nowMs) return undefined;
  return `${formatInstant(instantOfMillis(untilMs))} is in the future, for which rows are missing yet: give a time that has passed, or none`;
}
