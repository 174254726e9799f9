import { readFile } from 'node:fs/promises';
import { pause } from 'vivace/kit';

const pollMs = 250;

/** The text of each watched file when it was last used; `undefined` where there was none. */
export type WatchedFiles = Map<string, string | undefined>;

/**
 * Waits for edits of small files, until the signal aborts, and yields the files that were edited. It notes their new texts in `files`, in which
 * its user adds and removes files meanwhile.
 *
 * It reads instead of watching: so it sees a file that an editor replaces, a mounted ConfigMap and a network file system alike. Texts count
 * when they were read twice, so that half a write is not seen.
 */
export async function* edits(files: WatchedFiles, signal: AbortSignal): AsyncGenerator<readonly string[]> {
  let before: WatchedFiles = new Map(files);
  while (!signal.aborted) {
    await pause(pollMs, { signal, ref: true });
    const now: WatchedFiles = new Map(
      await Promise.all([...files.keys()].map(async (file) => [file, await textOf(file)] as const)),
    );
    const edited = [...now].filter(([file, text]) => files.has(file) && text !== files.get(file));
    const isStill = edited.every(([file, text]) => text === before.get(file));
    before = now;
    if (edited.length === 0 || !isStill || signal.aborted) continue;
    for (const [file, text] of edited) files.set(file, text);
    yield edited.map(([file]) => file);
  }
}

/** The text of a file; `undefined` where there is none, or it cannot be read. */
export async function textOf(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}
