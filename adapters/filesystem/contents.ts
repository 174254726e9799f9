import { open, type FileHandle } from 'node:fs/promises';
import { abortError, type BlobContent } from 'vivace';
import { contentChunks } from 'vivace/kit';

const chunkBytes = 256 * 1024;

/**
 * Writes a new file and brings it to the disk.
 *
 * @param use Gets the file once it is whole, and before that each chunk, by `onChunk`.
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
    for await (const chunk of contentChunks(content, signal)) {
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
