import type { IncomingMessage } from 'node:http';
import { VivaceError, type HttpRoute } from 'vivace';
import { decodeContent, isPlain } from 'vivace/wire';

export interface BodyLimits {
  readonly bodyLimitBytes: number;
  readonly decompressedLimitBytes: number;
}

/** The limits of a server, narrowed by what the route of a request takes. */
export function limitsOf({ bodyLimitBytes }: HttpRoute, limits: BodyLimits): BodyLimits {
  if (bodyLimitBytes === undefined) return limits;
  return {
    bodyLimitBytes: Math.min(bodyLimitBytes, limits.bodyLimitBytes),
    decompressedLimitBytes: Math.min(bodyLimitBytes, limits.decompressedLimitBytes),
  };
}

/** True where the headers announce a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/**
 * Refuses, from the headers alone, a body that would be too large.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` with HTTP 413.
 */
export function checkLength({ headers }: IncomingMessage, { bodyLimitBytes }: BodyLimits): void {
  if (Number(headers['content-length'] ?? 0) > bodyLimitBytes) throw tooLarge(bodyLimitBytes);
}

/**
 * Reads the whole body and undoes its content encoding.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT`: HTTP 413 above a limit, 415 for an unknown encoding, 400 for broken data.
 * @throws {Error} where the peer cut the connection: nobody is left to answer.
 */
export async function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Uint8Array> {
  const raw = await gather(request, limits.bodyLimitBytes);
  const encoding = request.headers['content-encoding'];
  return isPlain(encoding) ? raw : decodeContent(raw, encoding, limits.decompressedLimitBytes);
}

function gather(request: IncomingMessage, limitBytes: number): Promise<Uint8Array> {
  // A stream that is destroyed says nothing any more.
  if (request.destroyed) return Promise.reject(new VivaceError('CANCELLED', 'the peer went away'));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limitBytes) {
        chunks.push(chunk);
        return;
      }
      // What follows is read and dropped, so that the peer can finish sending and read the answer.
      chunks.length = 0;
      reject(tooLarge(limitBytes));
    });
    request.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    request.on('error', reject);
  });
}

function tooLarge(limitBytes: number): VivaceError {
  return new VivaceError('INVALID_ARGUMENT', `the body exceeds ${limitBytes} bytes`, { httpStatus: 413 });
}
