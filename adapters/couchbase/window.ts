/**
 * Begins `count` pieces of work, at most `limit` of them at a time, in order.
 *
 * @param begin Begins the piece of that index, and calls `done` when it has ended; it throws nothing.
 * @returns Resolves when every piece has ended, or, where `stopped` says so, those that have begun.
 */
export function inWindow(
  count: number,
  limit: number,
  { begin, stopped }: { begin: (index: number, done: () => void) => void; stopped: () => boolean },
): Promise<void> {
  return new Promise((resolve) => {
    let next = 0;
    let running = 0;
    const fill = (): void => {
      while (running < limit && next < count && !stopped()) {
        running++;
        begin(next++, done);
      }
      if (running === 0) resolve();
    };
    const done = (): void => {
      running--;
      fill();
    };
    fill();
  });
}
