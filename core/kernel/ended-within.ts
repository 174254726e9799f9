import { startTimer } from './timer.js';

/** Waits for `task`, at most so long: whether it has ended. What it throws in time is thrown; what it throws later is dropped. */
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
