import { open, type FileHandle } from 'node:fs/promises';
import { abortError } from 'vivace';

/** What is wrong with a compressed file. */
export type Fault =
  | { readonly kind: 'other' | 'cut off' | 'more behind it' }
  | { readonly kind: 'damaged'; readonly because: string };

const magic = 0xfd2fb528;
const skippable = 0x184d2a50;
/** The longest header of a frame, its magic number included. */
const headerBytes = 18;

/** The end of a frame, or what is wrong with it. */
type Frame = { readonly end: number } | Fault;

const cutOff: Fault = { kind: 'cut off' };

/**
 * Goes along the frames and blocks of a zstd file to its end, without decompressing them: DuckDB verifies the checksums of the frames that are whole, but takes a
 * file that was cut off for a shorter one.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8878#section-3.1
 */
export async function zstdFault(path: string, size: number, signal: AbortSignal): Promise<Fault | undefined> {
  const handle = await open(path);
  try {
    for (let at = 0; at < size;) {
      const frame = await frameAt(handle, at, signal);
      if ('kind' in frame) return frame.kind === 'other' && at > 0 ? { kind: 'more behind it' } : frame;
      if (frame.end > size) return cutOff;
      at = frame.end;
    }
    return undefined;
  } finally {
    await handle.close();
  }
}

async function frameAt(handle: FileHandle, at: number, signal: AbortSignal): Promise<Frame> {
  const head = await bytesAt(handle, at, headerBytes);
  const number = head.length < 4 ? undefined : head.readUInt32LE(0);
  if (number === undefined) return couldBegin(head) ? cutOff : { kind: 'other' };
  if ((number & ~0xf) === skippable) return head.length < 8 ? cutOff : { end: at + 8 + head.readUInt32LE(4) };
  if (number !== magic) return { kind: 'other' };
  const descriptor = head[4];
  if (descriptor === undefined) return cutOff;
  const single = (descriptor & 0x20) !== 0;
  const contentSize = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] as number;
  const dictionary = [0, 1, 2, 4][descriptor & 3] as number;
  const blocks = at + 5 + (single ? 0 : 1) + dictionary + contentSize;
  return blocksAt(handle, { at: blocks, checksumBytes: (descriptor & 4) === 0 ? 0 : 4 }, signal);
}

async function blocksAt(
  handle: FileHandle,
  { at, checksumBytes }: { at: number; readonly checksumBytes: number },
  signal: AbortSignal,
): Promise<Frame> {
  for (let last = false; !last;) {
    if (signal.aborted) throw abortError(signal);
    const head = await bytesAt(handle, at, 3);
    if (head.length < 3) return cutOff;
    const header = head.readUIntLE(0, 3);
    last = (header & 1) === 1;
    const type = (header >> 1) & 3;
    if (type === 3) return { kind: 'damaged', because: 'a block of a reserved type' };
    // A block of one repeated byte holds that byte alone.
    at += 3 + (type === 1 ? 1 : header >> 3);
  }
  return { end: at + checksumBytes };
}

/** Whether fewer than four bytes are how a frame begins. */
function couldBegin(head: Buffer): boolean {
  const start = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
  return (
    head.equals(start.subarray(0, head.length)) ||
    ((head[0]! & ~0xf) === 0x50 &&
      Buffer.from([0x2a, 0x4d])
        .subarray(0, head.length - 1)
        .equals(head.subarray(1)))
  );
}

/** Fewer than `count` bytes where the file ends before. */
async function bytesAt(handle: FileHandle, at: number, count: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(count), 0, count, at);
  return buffer.subarray(0, bytesRead);
}
