import { open, type FileHandle } from 'node:fs/promises';
import { abortError, untilAborted, type BlobContent } from 'vivace';

const chunkBytes = 256 * 1024;

/** Chunks of a content, until the signal aborts: even a source that stands still is left then. */
async function* chunksOf(content: BlobContent, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (content instanceof Uint8Array) {
    if (signal.aborted) throw abortError(signal);
    yield content;
    return;
  }
  const source = content[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const next = await untilAborted(source.next(), signal);
      if (signal.aborted) throw abortError(signal);
      ended = next.done === true;
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // Not awaited: a generator that stands still answers this when it goes on.
    if (!ended) void source.return?.()?.catch(() => undefined);
  }
}

/**
 * Writes a new file and brings it to the disk.
 *
 * @param use Gets the file once it is whole, and each chunk before by `onChunk`.
 */
export async function writeFile<T>(
  path: string,
  content: BlobContent,
  {
    signal,
    onChunk,
    finish,
  }: {
    readonly signal: AbortSignal;
    readonly onChunk?: (chunk: Uint8Array) => void;
    readonly finish: (file: FileHandle) => Promise<T>;
  },
): Promise<T> {
  const file = await open(path, 'wx');
  try {
    for await (const chunk of chunksOf(content, signal)) {
      onChunk?.(chunk);
      await file.writeFile(chunk);
    }
    const answer = await finish(file);
    await file.sync();
    return answer;
  } finally {
    await file.close();
  }
}

/** Reads a file from `offset`, at most `lengthBytes` of it, and closes it. */
export async function* readFile(
  file: FileHandle,
  { offset, lengthBytes }: { readonly offset: number; readonly lengthBytes: number },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    let at = offset;
    let left = lengthBytes;
    while (left > 0) {
      if (signal.aborted) throw abortError(signal);
      const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, left));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) return;
      yield chunk.subarray(0, bytesRead);
      at += bytesRead;
      left -= bytesRead;
    }
  } finally {
    await file.close();
  }
}
