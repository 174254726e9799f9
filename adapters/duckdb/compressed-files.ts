import { createReadStream } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { messageOf, VivaceError } from 'vivace';
import { zstdFault, type Fault } from './zstd-frames.js';

type Format = 'gzip' | 'zstd';

/** How a file is compressed, as its name says it and as DuckDB calls it. */
export function compressionOf(path: string): Format | 'uncompressed' {
  const ending = /\.(gz|zst)$/i.exec(path)?.[1]?.toLowerCase();
  return ending === 'gz' ? 'gzip' : ending === 'zst' ? 'zstd' : 'uncompressed';
}

/**
 * Looks whether compressed files are whole. DuckDB does not: it takes a file that was cut off for a shorter one, and looks at no checksum of gzip.
 *
 * A file that was whole is not read again before its size or its time has changed.
 */
export class CompressedFiles {
  readonly #whole = new Map<string, string>();

  /**
   * @param name What the file is called in the error.
   * @throws {VivaceError} `INVALID_ARGUMENT` for a file that is not what its name says, was cut off or is damaged.
   */
  async check(path: string, name: string, signal: AbortSignal): Promise<void> {
    const format = compressionOf(path);
    if (format === 'uncompressed') return;
    const { size, mtimeMs, ino } = await stat(path);
    const state = `${size} ${mtimeMs} ${ino}`;
    if (this.#whole.get(path) === state) return;
    if (size === 0) throw new VivaceError('INVALID_ARGUMENT', `${name} is empty`);
    const fault = await (format === 'gzip' ? gzipFault : zstdFault)(path, size, signal);
    if (fault !== undefined)
      throw new VivaceError('INVALID_ARGUMENT', `${name} ${faultText(fault, format, name)}`);
    this.#whole.set(path, state);
  }
}

function faultText(fault: Fault, format: Format, name: string): string {
  const anew = 'copy or write the file again';
  switch (fault.kind) {
    case 'other':
      return `is not ${format}, as its name says: compress it, or rename it to ${name.replace(/\.[^.]*$/, '')}`;
    case 'cut off':
      return `is cut off: its ${format} data has no end: ${anew}`;
    case 'more behind it':
      return `is damaged: what stands behind its ${format} data is not ${format}: ${anew}`;
    case 'damaged':
      return `is damaged (${fault.because}): ${anew}`;
  }
}

/** Reads a file of one or more gzip members to its end. @see https://www.rfc-editor.org/rfc/rfc1952 */
async function gzipFault(path: string, size: number, signal: AbortSignal): Promise<Fault | undefined> {
  const handle = await open(path);
  try {
    if (!(await beginsLikeGzip(handle))) return { kind: 'other' };
  } finally {
    await handle.close();
  }
  const gunzip = createGunzip({ chunkSize: 262_144 });
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  try {
    await pipeline(createReadStream(path, { highWaterMark: 262_144 }), gunzip, nowhere, { signal });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'Z_BUF_ERROR') return { kind: 'cut off' };
    if (code !== 'Z_DATA_ERROR') throw error;
    const because = messageOf(error);
    return because === 'incorrect header check' ? { kind: 'more behind it' } : { kind: 'damaged', because };
  }
  // Zeros behind the end are left alone here, and refused by DuckDB.
  return gunzip.bytesWritten < size ? { kind: 'more behind it' } : undefined;
}

async function beginsLikeGzip(handle: FileHandle): Promise<boolean> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
  return buffer[0] === 0x1f && (bytesRead < 2 || buffer[1] === 0x8b);
}
