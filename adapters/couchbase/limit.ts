import type { CallContext, ErrorCode } from 'vivace';

/** What is left of the caller's time, `mostMs` at most, and what it means when that is over; the SDK counts whole milliseconds. */
export function limit(
  { deadline = Infinity }: CallContext,
  mostMs: number,
): { readonly timeout: number; readonly timeoutCode: ErrorCode } {
  const leftMs = Math.max(1, Math.ceil(deadline - performance.now()));
  return leftMs < mostMs
    ? { timeout: leftMs, timeoutCode: 'DEADLINE_EXCEEDED' }
    : { timeout: mostMs, timeoutCode: 'UNAVAILABLE' };
}
