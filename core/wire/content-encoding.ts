import { Buffer } from 'node:buffer';
import type { Transform } from 'node:stream';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { asVivaceError, VivaceError } from '../kernel/errors.js';

const options = { chunkSize: 65_536 };

const decoders: Readonly<Record<string, ((body: Uint8Array) => Transform) | undefined>> = {
  gzip: () => zlib.createGunzip(options),
  'x-gzip': () => zlib.createGunzip(options),
  br: () => zlib.createBrotliDecompress(options),
  // Some senders leave out the zlib header that "deflate" implies in HTTP; the header is recognisable (RFC 1950, section 2.2).
  deflate: (body) => (hasZlibHeader(body) ? zlib.createInflate(options) : zlib.createInflateRaw(options)),
};

/** How much may come out of a `Content-Encoding`. */
export interface DecodedLimits {
  readonly limitBytes: number;
  /** Is told of every chunk that has come out, and throws where there is no room for it. */
  readonly take?: (bytes: number) => void;
}

/** The content codings that `decodeContent` takes, as an `Accept-Encoding` header lists them. */
export const acceptedEncodings = 'gzip, deflate, br';

/** True where `decodeContent` would change nothing. */
export function isPlain(encoding: string | undefined): boolean {
  return encoding === undefined || encoding === '' || encoding === 'identity';
}

/** A content coding of answers. */
export type AnswerEncoding = 'gzip' | 'deflate';

const deflate = promisify(zlib.deflate);
const gzip = promisify(zlib.gzip);

/**
 * The coding in which an answer may be sent, by the caller's `Accept-Encoding`; `undefined` where it takes none of them, or names none.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.accept-encoding
 */
export function acceptedEncoding(header: string | undefined): AnswerEncoding | undefined {
  if (header === undefined) return undefined;
  // Keys: names of codings in a header, at most 20.
  const weights = new Map<string, number>();
  for (const one of header.split(',').slice(0, 20)) {
    const [name = '', ...parameters] = one.split(';').map((text) => text.trim().toLowerCase());
    const weight = parameters.find((text) => text.startsWith('q='))?.slice(2);
    weights.set(name === 'x-gzip' ? 'gzip' : name, weight === undefined ? 1 : Number(weight));
  }
  const weightOf = (name: string): number => weights.get(name) ?? weights.get('*') ?? 0;
  const [gzipped, deflated] = [weightOf('gzip'), weightOf('deflate')];
  if (gzipped > 0 && gzipped >= deflated) return 'gzip';
  return deflated > 0 ? 'deflate' : undefined;
}

/** A body in a coding: quickly rather than as small as possible, since a server compresses each answer once. */
export async function encodeContent(
  body: string | Uint8Array,
  encoding: AnswerEncoding,
): Promise<Uint8Array> {
  const options = { level: zlib.constants.Z_BEST_SPEED };
  return encoding === 'gzip' ? gzip(body, options) : deflate(body, options);
}

/**
 * Undoes a `Content-Encoding`. Stops as soon as more than `limitBytes` bytes have come out, or `take` throws.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT`: HTTP 415 for a coding it does not know, 413 above the limit, 400 for broken data.
 * @throws what `take` throws.
 */
export async function decodeContent(
  body: Uint8Array,
  encoding: string | undefined,
  limits: DecodedLimits,
): Promise<Uint8Array> {
  const name = encoding?.trim().toLowerCase();
  if (isPlain(name)) return body;
  const decoder = Object.hasOwn(decoders, name as string) ? decoders[name as string] : undefined;
  if (decoder === undefined) {
    throw new VivaceError(
      'INVALID_ARGUMENT',
      `the content encoding "${encoding}" is not one of ${acceptedEncodings}`,
      {
        httpStatus: 415,
      },
    );
  }
  return through(decoder(body), body, {
    ...limits,
    broken: (cause) => new VivaceError('INVALID_ARGUMENT', `the body is not valid ${name} data`, { cause }),
  });
}

/** What comes out of a decoder for the whole of a body. */
function through(
  decoder: Transform,
  body: Uint8Array,
  { limitBytes, take, broken }: DecodedLimits & { readonly broken: (cause: Error) => VivaceError },
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const stop = (error: unknown): void => {
      chunks.length = 0;
      decoder.destroy();
      reject(asVivaceError(error));
    };
    decoder.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limitBytes) {
        stop(
          new VivaceError('INVALID_ARGUMENT', `the decompressed body exceeds ${limitBytes} bytes`, {
            httpStatus: 413,
          }),
        );
        return;
      }
      try {
        take?.(chunk.length);
        chunks.push(chunk);
      } catch (error) {
        stop(error);
      }
    });
    decoder.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    decoder.on('error', (cause) => stop(broken(cause)));
    decoder.end(body);
  });
}

function hasZlibHeader(body: Uint8Array): boolean {
  const [first = 0, second = 0] = body;
  return (first & 15) === 8 && ((first << 8) | second) % 31 === 0;
}
