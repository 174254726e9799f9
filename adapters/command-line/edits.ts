import { readFile } from 'node:fs/promises';
import { pause } from 'vivace/kit';

const pollMs = 250;

/**
 * The texts of a small file as it is edited, until the signal aborts.
 *
 * It reads instead of watching: so it sees a file that an editor replaces, a mounted ConfigMap and a network file system alike. A text
 * counts when it was read twice, so that half a write is not seen.
 */
export async function* edits(file: string, from: string, signal: AbortSignal): AsyncGenerator<string> {
  let known = from;
  let before = from;
  while (!signal.aborted) {
    await pause(pollMs, { signal, ref: true });
    const text = await readFile(file, 'utf8').catch(() => before);
    if (text === before && text !== known && !signal.aborted) {
      known = text;
      yield text;
    }
    before = text;
  }
}
