import { abortError } from '../kernel/errors.js';
import type { BlobContent } from '../ports/blob-store.js';
import { untilAborted } from '../kernel/until-aborted.js';

/** Chunks of a content, until the signal aborts; even a stalled source is then abandoned. */
export async function* contentChunks(content: BlobContent, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (content instanceof Uint8Array) {
    if (signal.aborted) throw abortError(signal);
    yield content;
    return;
  }
  const source = content[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const next = await untilAborted(source.next(), signal);
      if (signal.aborted) throw abortError(signal);
      ended = next.done === true;
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // Not awaited: a stalled generator answers this only when it goes on.
    if (!ended) void source.return?.()?.catch(() => undefined);
  }
}

/** A piece of a content; the last one is marked, and only it may be short or empty. */
export interface ContentPiece {
  readonly bytes: Uint8Array;
  readonly last: boolean;
}

/**
 * A content in pieces of `pieceBytes`, for uploads in parts. The next piece is read only once this one has been taken. The first piece is
 * also the last where the content is not longer than one piece.
 */
export async function* contentPieces(
  content: BlobContent,
  pieceBytes: number,
  signal: AbortSignal,
): AsyncGenerator<ContentPiece> {
  if (content instanceof Uint8Array) {
    if (signal.aborted) throw abortError(signal);
    let at = 0;
    for (; content.length - at > pieceBytes; at += pieceBytes)
      yield { bytes: content.subarray(at, at + pieceBytes), last: false };
    yield { bytes: content.subarray(at), last: true };
    return;
  }
  let piece: Uint8Array = Buffer.alloc(0);
  let filled = 0;
  for await (const chunk of contentChunks(content, signal)) {
    for (let at = 0; at < chunk.length;) {
      if (filled === pieceBytes) {
        yield { bytes: piece, last: false };
        filled = 0;
      }
      // Memory of its own, because the sender of a piece may send it again; its pages are allocated as they are filled.
      if (filled === 0) piece = Buffer.allocUnsafeSlow(pieceBytes);
      const part = chunk.subarray(at, at + pieceBytes - filled);
      piece.set(part, filled);
      filled += part.length;
      at += part.length;
    }
  }
  yield { bytes: piece.subarray(0, filled), last: true };
}
