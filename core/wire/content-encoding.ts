import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { VivaceError } from '../kernel/errors.js';

type Decode = (
  body: Uint8Array,
  options: { maxOutputLength: number; chunkSize: number },
) => Promise<Uint8Array>;

const gunzip: Decode = promisify(zlib.gunzip);
const brotli: Decode = promisify(zlib.brotliDecompress);
const inflate: Decode = promisify(zlib.inflate);
const inflateRaw: Decode = promisify(zlib.inflateRaw);

const decoders: Readonly<Record<string, Decode | undefined>> = {
  gzip: gunzip,
  'x-gzip': gunzip,
  br: brotli,
  // Some senders leave out the zlib header that "deflate" implies in HTTP; the header is recognisable (RFC 1950, section 2.2).
  deflate: (body, options) => (hasZlibHeader(body) ? inflate(body, options) : inflateRaw(body, options)),
};

/** The content codings that `decodeContent` takes, as an `Accept-Encoding` header lists them. */
export const acceptedEncodings = 'gzip, deflate, br';

/** True where `decodeContent` would change nothing. */
export function isPlain(encoding: string | undefined): boolean {
  return encoding === undefined || encoding === '' || encoding === 'identity';
}

/**
 * Undoes a `Content-Encoding`. Stops as soon as more than `limitBytes` bytes have come out.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT`: HTTP 415 for a coding it does not know, 413 above the limit, 400 for broken data.
 */
export async function decodeContent(
  body: Uint8Array,
  encoding: string | undefined,
  limitBytes: number,
): Promise<Uint8Array> {
  const name = encoding?.trim().toLowerCase();
  if (isPlain(name)) return body;
  const decode = Object.hasOwn(decoders, name as string) ? decoders[name as string] : undefined;
  if (decode === undefined) {
    throw new VivaceError(
      'INVALID_ARGUMENT',
      `the content encoding "${encoding}" is not one of ${acceptedEncodings}`,
      {
        httpStatus: 415,
      },
    );
  }
  try {
    return await decode(body, { maxOutputLength: limitBytes, chunkSize: 65_536 });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new VivaceError('INVALID_ARGUMENT', `the decompressed body exceeds ${limitBytes} bytes`, {
        httpStatus: 413,
        cause,
      });
    }
    throw new VivaceError('INVALID_ARGUMENT', `the body is not valid ${name} data`, { cause });
  }
}

function hasZlibHeader(body: Uint8Array): boolean {
  const [first = 0, second = 0] = body;
  return (first & 15) === 8 && ((first << 8) | second) % 31 === 0;
}
