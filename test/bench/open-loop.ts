import { openLoop as calls } from '../../core/operations/open-loop.js';
import { randomNumbers } from './random.js';

/**
 * Calls at a given rate whether or not earlier calls have been answered, at the same moments in every run.
 *
 * @param call Gets its number and when it was due, in `performance.now()` milliseconds.
 * @returns How long each took from the moment it was due, milliseconds; `Infinity` for one that failed.
 */
export async function openLoop(
  call: (index: number, due: number) => Promise<void>,
  perSecond: number,
  seconds = 5,
): Promise<number[]> {
  const { latenciesMs, failures } = await calls(call, { perSecond, seconds, random: randomNumbers(11) });
  const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
  return [...latenciesMs, ...Array<number>(failed).fill(Infinity)];
}
