import { setTimeout as sleep } from 'node:timers/promises';
import { randomNumbers } from './random.js';

/**
 * Calls at a given rate whether or not earlier calls have been answered, at moments as random as those of independent callers.
 *
 * @returns How long each took from the moment it was due, milliseconds.
 */
export async function openLoop(
  call: (index: number) => Promise<void>,
  perSecond: number,
  seconds = 5,
): Promise<number[]> {
  const random = randomNumbers(11);
  const latencies: number[] = [];
  const running: Promise<void>[] = [];
  const from = performance.now();
  let due = from;
  for (let i = 0; due < from + seconds * 1000; i++) {
    due += (-Math.log(1 - random()) * 1000) / perSecond;
    const at = due;
    const wait = at - performance.now();
    // Timers are a millisecond at best: what is due within one is sent when the loop comes by.
    if (wait > 1) await sleep(Math.floor(wait));
    while (performance.now() < at) await new Promise((resolve) => setImmediate(resolve));
    running.push(call(i).then(() => void latencies.push(performance.now() - at)));
  }
  await Promise.all(running);
  return latencies;
}
