import { startTimer } from './timer.js';

/**
 * Waits for `task`, at most this long, and returns whether it has ended. An error that it throws in time is thrown; a later one is dropped.
 */
export async function endedWithin(task: Promise<unknown>, durationMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = startTimer(() => resolve(false), durationMs);
  });
  try {
    return await Promise.race([task.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
