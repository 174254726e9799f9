import { z } from 'zod';
import { longMilliseconds } from '../config/duration.js';

/** How the online store of a view is kept up: its materializations end at the UTC moments `offsetMs + n × everyMs`. */
export interface Refresh {
  /** Time between two runs, milliseconds; absent where rows arrive all the time. */
  readonly everyMs?: number;
  /** When a run ends its window, milliseconds after a multiple of `everyMs` since 1970 UTC. */
  readonly offsetMs: number;
  /** How much later the rows are in the store, milliseconds. */
  readonly delayMs: number;
}

/** `refresh` of a view in YAML. */
export const refreshSchema = z.strictObject({
  everyMs: longMilliseconds()
    .optional()
    .describe('time between two runs of `materialize`, milliseconds; default: rows arrive all the time'),
  offsetMs: longMilliseconds({ min: 0 })
    .default(0)
    .describe(
      'when a run is due, milliseconds after each multiple of `everyMs` (of a day: after midnight UTC); default 0',
    ),
  delayMs: longMilliseconds({ min: 0 })
    .default(0)
    .describe('how much later the rows are in the store, milliseconds; default 0'),
});

/**
 * What keeps a refresh from meaning anything.
 *
 * @returns The key that is wrong, and why.
 */
export function refreshMistake({
  everyMs,
  offsetMs,
  delayMs,
}: Refresh): { readonly key: keyof Refresh; readonly message: string } | undefined {
  if (everyMs === undefined) {
    if (offsetMs > 0) return { key: 'offsetMs', message: 'goes with `everyMs` only' };
    if (delayMs === 0)
      return { key: 'delayMs', message: 'says nothing: give `everyMs`, `delayMs`, or leave `refresh` out' };
    return undefined;
  }
  return offsetMs < everyMs
    ? undefined
    : { key: 'offsetMs', message: `must be less than \`everyMs\`, which is ${everyMs}` };
}

/**
 * The knowledge time of a request: up to when the online store of a view can know rows that are asked for at `time`. A row counts where its
 * event time and its available time are at most this.
 *
 * @param time Microseconds.
 */
export function knowledgeTime(refresh: Refresh | undefined, time: number): number {
  return refresh === undefined ? time : lastBoundary(refresh, time - refresh.delayMs * 1000);
}

/**
 * The last moment at or before `time` at which a run is due; `time` itself where rows arrive all the time.
 *
 * @param time Microseconds.
 */
export function lastBoundary({ everyMs, offsetMs }: Refresh, time: number): number {
  if (everyMs === undefined) return time;
  const every = everyMs * 1000;
  // Remainders of doubles are exact, quotients are not.
  const since = (time - offsetMs * 1000) % every;
  return time - (since < 0 ? since + every : since);
}
