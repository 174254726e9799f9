import type { IncomingMessage } from 'node:http';
import { VivaceError, type HttpRoute } from 'vivace';
import { decodeContent, isPlain } from 'vivace/wire';
import type { Exchange } from './exchange.js';

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
 * @param beforeReading Called where the body is read here.
 * @throws {VivaceError} as `checkLength` and `readBody`, and where a middleware has read the body and kept it.
 */
export function fillBody(
  exchange: Exchange & { readonly route: HttpRoute },
  request: ParsedMessage,
  { limits, beforeReading }: { limits: BodyLimits; beforeReading?: () => void },
): void | Promise<void> {
  if (!hasBody(request)) return;
  if (!request.readableDidRead) {
    const narrowed = limitsOf(exchange.route, limits);
    checkLength(request, narrowed);
    beforeReading?.();
    return readBody(request, narrowed).then((body) => {
      exchange.body = body;
    });
  }
  const { body } = request;
  if (body === undefined) throw consumed();
  if (body instanceof Uint8Array) exchange.body = body;
  else if (typeof body === 'string') exchange.body = Buffer.from(body);
  else exchange.parsedBody = body;
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
function checkLength({ headers }: IncomingMessage, { bodyLimitBytes }: BodyLimits): void {
  if (Number(headers['content-length'] ?? 0) > bodyLimitBytes) throw tooLarge(bodyLimitBytes);
}

/**
 * Reads the whole body and undoes its content encoding.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT`: HTTP 413 above a limit, 415 for an unknown encoding, 400 for broken data.
 * @throws {Error} where the peer cut the connection: nobody is left to answer.
 */
async function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Uint8Array> {
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
