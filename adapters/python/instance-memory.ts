import { readFile } from 'node:fs/promises';
import type { LoadedWorker } from './load.js';

/** Ends instances whose resident memory goes beyond a limit. */
export class InstanceMemory {
  readonly #limitBytes: number | undefined;
  readonly #watched = new Map<number, LoadedWorker>();

  constructor(limitBytes: number | undefined) {
    this.#limitBytes = limitBytes;
  }

  /** Watches an instance until it ends. */
  watch(loaded: LoadedWorker): void {
    const { pid, instance } = loaded;
    if (this.#limitBytes === undefined || pid === undefined) return;
    this.#watched.set(pid, loaded);
    void instance.closed.then(() => this.#watched.delete(pid));
  }

  /** Looks at all instances once. */
  async look(): Promise<void> {
    for (const [pid, loaded] of this.#watched) {
      const bytes = await residentBytes(pid);
      if (bytes !== undefined && bytes > (this.#limitBytes ?? Infinity))
        loaded.end(`the instance took ${bytes} bytes of memory; memoryBytes allows ${this.#limitBytes}`);
    }
  }
}

/** Resident memory of a process; `undefined` where it has ended, or the system does not say. */
async function residentBytes(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1_024;
}
