import { createHash } from 'node:crypto';

/** How many hashes there are: those of 48 bits. */
const hashes = 2 ** 48;

/**
 * Whether a log that keeps a share of requests keeps the one that `text` stands for: the first 48 bits of the SHA-256 of its UTF-8, read as
 * a number, are less than `share × 2^48`. So every server keeps the same ones, and a larger share keeps those of a smaller one too.
 */
export function isKept(text: string, share: number): boolean {
  return share >= 1 || createHash('sha256').update(text).digest().readUIntBE(0, 6) < share * hashes;
}

/** Where the hashes of a request's objects begin: the first 32 bits of the SHA-256 of its id. */
export function seedOf(requestId: string): number {
  return createHash('sha256').update(requestId).digest().readInt32BE(0);
}

/** A hash of 32 bits of an object's index: the finalizer of MurmurHash3, which spreads every bit over all others. */
export function objectHash(seed: number, index: number): number {
  let hash = seed ^ Math.imul(index + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** More than there can be objects in a request; a hash times this is exact. */
const indexes = 2 ** 21;

/** The objects of a request that a log keeps: their rows, ascending, and how many of the request each of them stands for. */
export interface KeptObjects {
  readonly rows: Uint32Array;
  readonly weights: Float64Array;
}

/**
 * Chooses objects: the first `top` of the answer, and `sample` of all others, those with the least hashes.
 *
 * @param order The rows of the answer, in its order.
 */
export function keptObjects(
  objects: number,
  order: Uint32Array,
  { top, sample, requestId }: { top: number; sample: number; requestId: string },
): KeptObjects {
  const weights = new Float64Array(objects);
  for (const row of order.subarray(0, top)) weights[row] = 1;
  const others: number[] = [];
  for (let row = 0; row < objects; row++) if (weights[row] === 0) others.push(row);
  if (sample > 0 && others.length > 0) {
    const seed = seedOf(requestId);
    // The index behind the hash: no two are equal, and sorting numbers is fast.
    const ranks = Float64Array.from(others, (row, at) => objectHash(seed, row) * indexes + at).sort();
    const chosen = ranks.subarray(0, sample);
    for (const rank of chosen) weights[others[rank % indexes]!] = others.length / chosen.length;
  }
  const rows = Uint32Array.from({ length: objects }, (_, row) => row).filter((row) => weights[row]! > 0);
  return { rows, weights: Float64Array.from(rows, (row) => weights[row]!) };
}
