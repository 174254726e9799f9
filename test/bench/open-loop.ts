import { setTimeout as sleep } from 'node:timers/promises';
import { randomNumbers } from './random.js';

/**
 * Calls at a given rate whether or not earlier calls have been answered, at moments as random as those of independent callers.
 *
 * @param call Gets its number and when it was due, in `performance.now()` milliseconds.
 * @returns How long each took from the moment it was due, milliseconds; `Infinity` for one that failed.
 */
export async function openLoop(
  call: (index: number, due: number) => Promise<void>,
  perSecond: number,
  seconds = 5,
): Promise<number[]> {
  const random = randomNumbers(11);
  const running: Promise<number>[] = [];
  const from = performance.now();
  for (let i = 0, due = from; due < from + seconds * 1000; i++) {
    due += (-Math.log(1 - random()) * 1000) / perSecond;
    const wait = due - performance.now();
    if (wait > 0) await sleep(Math.ceil(wait));
    running.push(timedFrom(due, call(i, due)));
  }
  return Promise.all(running);
}

async function timedFrom(due: number, call: Promise<void>): Promise<number> {
  try {
    await call;
    return performance.now() - due;
  } catch {
    return Infinity;
  }
}
