import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { root } from '../support/repository.js';
import type { Sample } from './measure.js';

export interface LoopSample extends Sample {
  /** The median of the calls. */
  readonly wallMicros: number;
  readonly cpuMicros: number;
}

/** A model that is called in a loop of Python, in a process of its own: what it takes without any way to it. */
export class PythonLoop {
  readonly #process: ChildProcess;
  readonly #answers: Interface;

  /** @param given What loop.py reads as JSON from its command line. */
  constructor(interpreter: string, given: Readonly<Record<string, unknown>>) {
    this.#process = spawn(interpreter, [join(root, 'test/bench/python/loop.py'), JSON.stringify(given)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#answers = createInterface(this.#process.stdout!);
  }

  /** @param pauseMs How long it sleeps before each call: a processor that has done other things meanwhile takes longer. */
  async measure(calls: number, pauseMs = 0): Promise<LoopSample> {
    this.#process.stdin!.write(`${calls} ${pauseMs}\n`);
    const [line] = (await once(this.#answers, 'line')) as [string];
    return JSON.parse(line) as LoopSample;
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.stdin!.end();
    await ended;
  }
}
