import { createReadStream } from 'node:fs';
import { crc32 } from 'node:zlib';

/** The CRC-32 of a file's bytes, in eight hexadecimal digits. */
export async function fileChecksum(path: string): Promise<string> {
  let checksum = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }))
    checksum = crc32(chunk as Buffer, checksum);
  return checksum.toString(16).padStart(8, '0');
}
