import { hash } from 'node:crypto';

/** How many hashes there are: those of 48 bits. */
const hashes = 2 ** 48;

/**
 * Whether a log that keeps a share of requests keeps the one that `text` stands for: the first 48 bits of the SHA-256 of its UTF-8, read as
 * a number, are less than `share × 2^48`. So every server keeps the same ones, and a larger share keeps those of a smaller one too.
 */
export function isKept(text: string, share: number): boolean {
  return share >= 1 || Number.parseInt(hash('sha256', text, 'hex').slice(0, 12), 16) < share * hashes;
}

/** Where the hashes of a request's objects begin: the first 32 bits of the SHA-256 of its id. */
export function seedOf(requestId: string): number {
  return Number.parseInt(hash('sha256', requestId, 'hex').slice(0, 8), 16) | 0;
}

/** A hash of 32 bits of an object's index: the finalizer of MurmurHash3, which spreads every bit over all others. */
export function objectHash(seed: number, index: number): number {
  let hash = seed ^ Math.imul(index + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

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
  const weightOf = new Float64Array(objects);
  const last = Math.min(top, order.length);
  for (let place = 0; place < last; place++) weightOf[order[place]!] = 1;
  const others = objects - last;
  const chosen = Math.min(sample, others);
  if (chosen > 0) {
    const seed = seedOf(requestId);
    // The row behind the hash, in 53 bits: no two are equal, and numbers are sorted fast.
    const cut = Math.max(0, 32 - Math.clz32(objects) - 21);
    const beyond = 2 ** (21 + cut);
    const ranks = new Float64Array(others);
    let at = 0;
    for (let row = 0; row < objects; row++)
      if (weightOf[row] === 0) ranks[at++] = (objectHash(seed, row) >>> cut) * beyond + row;
    ranks.sort();
    for (let i = 0; i < chosen; i++) weightOf[ranks[i]! % beyond] = others / chosen;
  }
  const rows = new Uint32Array(last + chosen);
  const weights = new Float64Array(last + chosen);
  let at = 0;
  for (let row = 0; row < objects; row++) {
    if (weightOf[row] === 0) continue;
    rows[at] = row;
    weights[at++] = weightOf[row]!;
  }
  return { rows, weights };
}

/** All objects of a request. */
export function allObjects(objects: number): KeptObjects {
  const rows = new Uint32Array(objects);
  for (let row = 0; row < objects; row++) rows[row] = row;
  return { rows, weights: new Float64Array(objects).fill(1) };
}
