import { abortError, messageOf, VivaceError, isVivaceError } from '../kernel/errors.js';
import { untilAborted } from '../kernel/until-aborted.js';
import type { RunningPart } from '../parts/create-part.js';
import { startTimer } from '../kernel/timer.js';

/** How long a part that is given up may take to leave its `start`; a part that obeys its signal leaves at once. */
const startGraceMs = 500;
/** How long the parts that had started may then take to stop. */
const startStopMs = 5000;

/** Starts parts one after the other; the first failure stops what was started, in reverse, and names the part. */
export async function startParts(
  parts: readonly RunningPart[],
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<void> {
  for (const [i, part] of parts.entries()) {
    const controller = new AbortController();
    const late = new VivaceError(
      'DEADLINE_EXCEEDED',
      `part "${part.name}" (${part.definition.name}) did not start within ${timeoutMs} ms`,
      {
        part: part.name,
      },
    );
    const timer = startTimer(() => controller.abort(late), timeoutMs);
    const leave = (): void => controller.abort(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    try {
      if (signal.aborted) throw abortError(signal);
      await untilAborted(
        part.start({ signal: controller.signal, deadline: performance.now() + timeoutMs }),
        controller.signal,
      );
    } catch (error) {
      await stopParts(parts.slice(0, i + 1), startGraceMs, startStopMs).catch(() => undefined);
      throw named(part, error);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', leave);
    }
  }
}

/** Stops parts in reverse; a failure does not keep the others from stopping, and is thrown at the end. */
export async function stopParts(
  parts: readonly RunningPart[],
  graceMs?: number,
  stopMs?: number,
): Promise<void> {
  const errors: unknown[] = [];
  for (const part of [...parts].reverse()) {
    try {
      await part.stop(graceMs, stopMs);
    } catch (error) {
      errors.push(named(part, error));
    }
  }
  if (errors.length > 0) throw errors[0];
}

/** The error of a part, with its name. The error of a part that it uses becomes the cause of an error of its own. */
function named(part: RunningPart, error: unknown): VivaceError {
  if (!isVivaceError(error))
    return new VivaceError('INTERNAL', `${part.name}: ${messageOf(error)}`, {
      part: part.name,
      cause: error,
    });
  if (error.part === part.name) return error;
  const { code, path, httpStatus } = error;
  return new VivaceError(code, `${part.name}: ${error.message}`, {
    part: part.name,
    httpStatus,
    ...(path === undefined ? {} : { path }),
    cause: error,
  });
}
