import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { asVivaceError, VivaceError, type HttpRoute } from 'vivace';
import { decodeContent, isPlain } from 'vivace/wire';
import type { Exchange } from './exchange.js';
import type { HeldBytes, HeldShare } from './held-bytes.js';
import { peerGone } from './peer-gone.js';

export interface BodyLimits {
  readonly bodyLimitBytes: number;
  readonly decompressedLimitBytes: number;
}

/** A request as express and its body parsers leave it. */
interface ParsedMessage extends IncomingMessage {
  readonly body?: unknown;
}

/**
 * Gives a request its body: what a middleware has made of it, where one has read it, and otherwise what comes over the wire.
 *
 * @param held Counts the bytes of all bodies, and of one that a middleware has parsed the length that its sender announced; those of this one
 *   are given back when the exchange releases it.
 * @param beforeReading Called where the body is read here.
 * @throws {VivaceError} as `checkHead` and `readBody`, and where a middleware has read the body and kept it.
 */
export function fillBody(
  exchange: Exchange & { readonly route: HttpRoute },
  request: ParsedMessage,
  { limits, held, beforeReading }: { limits: BodyLimits; held: HeldBytes; beforeReading?: () => void },
): void | Promise<void> {
  if (!hasBody(request)) return;
  const narrowed = limitsOf(exchange.route, limits);
  const share = held.share();
  exchange.hold(share);
  if (share.ended) throw peerGone();
  if (!request.readableDidRead) {
    checkHead(request, narrowed);
    beforeReading?.();
    return readBody(request, narrowed, share).then(
      (body) => {
        exchange.body = body;
      },
      (error: unknown) => {
        share.release();
        throw error;
      },
    );
  }
  const { body } = request;
  if (body === undefined) throw consumed();
  if (body instanceof Uint8Array || typeof body === 'string') {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    if (bytes.length > narrowed.decompressedLimitBytes) throw tooLarge(narrowed.decompressedLimitBytes);
    share.take(bytes.length);
    exchange.body = bytes;
  } else {
    // What it has become in memory is not known, nor is the length of a body in chunks.
    share.take(Number(request.headers['content-length'] ?? 0));
    exchange.parsedBody = body;
  }
}

function consumed(): VivaceError {
  return new VivaceError(
    'FAILED_PRECONDITION',
    'a middleware of this application has read the body without parsing it: ' +
      'put Vivace before that middleware, or use express.json() instead of it',
    { httpStatus: 500 },
  );
}

/** The limits of a server, narrowed by what the route of a request takes. */
function limitsOf({ bodyLimitBytes }: HttpRoute, limits: BodyLimits): BodyLimits {
  if (bodyLimitBytes === undefined) return limits;
  return {
    bodyLimitBytes: Math.min(bodyLimitBytes, limits.bodyLimitBytes),
    decompressedLimitBytes: Math.min(bodyLimitBytes, limits.decompressedLimitBytes),
  };
}

/** True where the head announces a body. */
export function hasBody(request: IncomingMessage): boolean {
  const { headers } = request;
  // HTTP/2 needs no header for that: the head is the end of its stream, or is not.
  if (request.httpVersionMajor === 2)
    return !(request as unknown as Http2ServerRequest).stream.endAfterHeaders;
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/**
 * Refuses, from the headers alone, a body that would be too large or that cannot be read.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` with HTTP 413, `UNIMPLEMENTED` for a transfer coding besides chunks.
 */
function checkHead({ headers }: IncomingMessage, { bodyLimitBytes }: BodyLimits): void {
  const transfer = headers['transfer-encoding'];
  if (transfer !== undefined && transfer.trim().toLowerCase() !== 'chunked')
    throw new VivaceError(
      'UNIMPLEMENTED',
      `the transfer encoding "${transfer}" is not served: send the body in chunks, and compress it by Content-Encoding`,
    );
  if (Number(headers['content-length'] ?? 0) > bodyLimitBytes) throw tooLarge(bodyLimitBytes);
}

/**
 * Reads the whole body and undoes its content encoding.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT`: HTTP 413 above a limit, 415 for an unknown encoding, 400 for broken data.
 * @throws {VivaceError} `RESOURCE_EXHAUSTED`, HTTP 503, where the server holds too much already.
 * @throws {Error} where the peer cut the connection: nobody is left to answer.
 */
async function readBody(request: IncomingMessage, limits: BodyLimits, share: HeldShare): Promise<Uint8Array> {
  const raw = await gather(request, limits.bodyLimitBytes, share);
  const encoding = request.headers['content-encoding'];
  if (isPlain(encoding)) return raw;
  const decoded = await decodeContent(raw, encoding, {
    limitBytes: limits.decompressedLimitBytes,
    take: (bytes) => share.take(bytes),
  });
  share.release(decoded.length);
  return decoded;
}

function gather(request: IncomingMessage, limitBytes: number, share: HeldShare): Promise<Uint8Array> {
  // A stream that is destroyed says nothing any more.
  if (request.destroyed) return Promise.reject(peerGone());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let refused = false;
    request.on('data', (chunk: Buffer) => {
      if (refused) return;
      size += chunk.length;
      try {
        if (size > limitBytes) throw tooLarge(limitBytes);
        share.take(chunk.length);
        chunks.push(chunk);
      } catch (error) {
        // What follows is read and dropped, so that the peer can finish sending and read the answer.
        refused = true;
        chunks.length = 0;
        reject(asVivaceError(error));
      }
    });
    request.on('end', () => {
      // A stream of HTTP/2 that is reset ends like any other.
      if (share.ended) reject(peerGone());
      else resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
    });
    request.on('error', reject);
  });
}

function tooLarge(limitBytes: number): VivaceError {
  return new VivaceError('INVALID_ARGUMENT', `the body exceeds ${limitBytes} bytes`, { httpStatus: 413 });
}
