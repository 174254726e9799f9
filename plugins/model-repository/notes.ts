import { formatMillis, instantOf, isVivaceError, millisOf, parseValue, type CallContext } from 'vivace';
import { z } from 'zod';
import type { Store } from './store.js';

/** A small blob that says who is at something, and since when. */
export interface Note {
  readonly at: number;
  readonly by: string;
  /** Digest of the manifest, where a version is being added. */
  readonly content?: string;
}

const schema = z.object({ at: z.string(), by: z.string(), content: z.string().optional() });

/** How long something has to be noted before others may take it for broken off, milliseconds. */
export const staleMs = 3_600_000;

/** Whether a note is older than that; one that is as far in the future is of a clock that is wrong, and would never age. */
export function isOlder({ at }: Note, ageMs: number, nowMs: number): boolean {
  return Math.abs(nowMs - at) > ageMs;
}

export function noteBytes({ at, ...note }: Note): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ at: formatMillis(at), ...note })}\n`);
}

/**
 * The note under a key, and the version of its blob; `undefined` where there is none. One that cannot be read was written by nobody known, and is
 * of the beginning of time.
 */
export async function readNote(
  store: Store,
  key: string,
  context: CallContext,
): Promise<(Note & { readonly blobVersion: string }) | undefined> {
  // The version first: where the note changes in between, a write with that version fails.
  const info = await store.blobs.head(key, context);
  if (info === undefined) return undefined;
  const bytes = await store.read(key, context).catch((error: unknown) => {
    if (isVivaceError(error) && error.code === 'DATA_LOSS') return new Uint8Array(0);
    throw error;
  });
  if (bytes === undefined) return undefined;
  const read = parseValue(schema, jsonOf(bytes));
  const parsed = read.mistakes === undefined ? read.value : undefined;
  const at = parsed && instantOf(parsed.at);
  return {
    at: at === undefined ? 0 : millisOf(at),
    by: parsed?.by ?? 'unknown',
    ...(parsed?.content === undefined ? {} : { content: parsed.content }),
    blobVersion: info.version,
  };
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
