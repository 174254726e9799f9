import type { Readable } from 'node:stream';
import { z } from 'zod';
import type { CallContext } from '../kernel/call.js';
import { abortError, VivaceError } from '../kernel/errors.js';
import type { BlobContent } from '../ports/blob-store.js';
import { contentPieces, type ContentPiece } from './content.js';

/** The options of an adapter that keeps blobs as objects in a bucket: spread them into its schema. */
export const bucketOptions = {
  bucket: z.string().min(3).describe('name of the bucket, which must exist'),
  prefix: z
    .string()
    .max(100)
    .default('')
    .describe(
      'prefix of every key, so that several environments can share a bucket; end it with `/` to make it a folder',
    ),
} as const;

/** An upload in parts that the store has begun. */
export interface PartsUpload<T> {
  /** Sends the next piece of the content, in order; the last one completes the upload, and is answered with its result. */
  send(piece: ContentPiece): Promise<T | undefined>;
  /** Removes what was sent. */
  abort(context: CallContext): Promise<unknown>;
}

/** How a content is uploaded to a store. */
export interface ContentUpload<T> {
  readonly pieceBytes: number;
  readonly signal: AbortSignal;
  /** Gets `PartsUpload.abort` where the upload failed (see `PartContext.cleanUp`). */
  readonly cleanUp: (task: (context: CallContext) => Promise<unknown>) => void;
  /**
   * Decides by the first piece, which is also the last piece of a short content. Either everything is `done`, in one request or in none, or
   * an upload in parts has begun, and this piece still has to be sent to it.
   */
  readonly begin: (first: ContentPiece) => Promise<{ readonly done: T } | PartsUpload<T>>;
}

/** Uploads a content to a store of objects; an upload in parts that fails is aborted after the call has ended. */
export async function uploadContent<T>(
  content: BlobContent,
  { pieceBytes, signal, cleanUp, begin }: ContentUpload<T>,
): Promise<T> {
  const pieces = contentPieces(content, pieceBytes, signal);
  try {
    let { value: piece } = (await pieces.next()) as IteratorYieldResult<ContentPiece>;
    const begun = await begin(piece);
    if ('done' in begun) return begun.done;
    try {
      for (;;) {
        const sent = await begun.send(piece);
        if (piece.last) return sent as T;
        ({ value: piece } = (await pieces.next()) as IteratorYieldResult<ContentPiece>);
      }
    } catch (error) {
      cleanUp((context) => begun.abort(context));
      throw error;
    }
  } finally {
    await pieces.return(undefined);
  }
}

/** Chunks of an object's body; it is destroyed when its reader leaves or the signal aborts. */
export async function* bodyChunks(body: Readable, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const leave = (): void => void body.destroy(abortError(signal));
  signal.addEventListener('abort', leave, { once: true });
  try {
    if (signal.aborted) throw abortError(signal);
    yield* body as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw signal.aborted ? abortError(signal) : error;
  } finally {
    signal.removeEventListener('abort', leave);
    body.destroy();
  }
}

/** The value of an HTTP `range` header for a part of a blob; `lengthBytes` may be infinite, but not 0. */
export function byteRange({
  offset,
  lengthBytes,
}: {
  readonly offset: number;
  readonly lengthBytes: number;
}): string {
  return `bytes=${offset}-${Number.isFinite(lengthBytes) ? offset + lengthBytes - 1 : ''}`;
}

/** When the caller may try again, according to an answer's `retry-after` in seconds, as an option of `VivaceError`. */
export function retryAfter(headers: Readonly<Record<string, string | undefined>> | undefined): {
  readonly retryAfterMs?: number;
} {
  const seconds = Number(headers?.['retry-after']);
  return seconds > 0 ? { retryAfterMs: seconds * 1000 } : {};
}

/** The error for a read of a blob that is not there. */
export function noBlob(key: string, bucket: string): VivaceError {
  return new VivaceError('NOT_FOUND', `there is no blob "${key}" in bucket ${bucket}`);
}
