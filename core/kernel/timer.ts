import { setTimeout as wait } from 'node:timers/promises';

/** The longest that a timer of Node can wait, milliseconds: 24.8 days. With a longer wait, it would ring after 1 ms. */
export const longestTimerMs = 2 ** 31 - 1;

/** A duration as a timer takes it: at least 0 and at most what a timer can wait. */
export function timerMs(durationMs: number): number {
  return Math.min(Math.max(0, durationMs), longestTimerMs);
}

/** Calls `ring` once after `durationMs`, or after 24.8 days where that is sooner; `clearTimeout` ends it. */
export function startTimer(ring: () => void, durationMs: number): NodeJS.Timeout {
  return setTimeout(ring, timerMs(durationMs));
}

/** A signal that aborts with a `TimeoutError` after `durationMs`, or after 24.8 days where that is sooner. */
export function timeoutSignal(durationMs: number): AbortSignal {
  // Whole milliseconds: a fraction is an error to Node.
  return AbortSignal.timeout(Math.ceil(timerMs(durationMs)));
}

/**
 * Resolves after `durationMs`, however long that is, or at once when `signal` aborts. It keeps the process alive only with `ref`.
 */
export async function pause(
  durationMs: number,
  { signal, ref = false }: { readonly signal?: AbortSignal; readonly ref?: boolean } = {},
): Promise<void> {
  for (let leftMs = durationMs; ; leftMs -= longestTimerMs) {
    await wait(timerMs(leftMs), undefined, { ref, ...(signal === undefined ? {} : { signal }) }).catch(
      () => undefined,
    );
    if (leftMs <= longestTimerMs || signal?.aborted === true) return;
  }
}

let callsUnderWay = 0;
let alive: NodeJS.Timeout | undefined;

/**
 * Keeps the process alive until `releaseProcess`: the timers of parts do not, so that a server that is idle ends with its program, but a call may wait for
 * such a timer, and its caller for the call.
 */
export function holdProcess(): void {
  if (callsUnderWay++ > 0) return;
  alive ??= setInterval(() => undefined, longestTimerMs);
  alive.ref();
}

/** Ends one `holdProcess`. */
export function releaseProcess(): void {
  if (--callsUnderWay === 0) alive?.unref();
}
