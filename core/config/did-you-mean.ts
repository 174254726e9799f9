/**
 * The longest text that is compared: a caller's text may have any length, the work grows with it, and longer texts are not typing mistakes.
 */
const longestName = 100;

/** `; did you mean "x"?` for the nearest of `known`, or a list where there are few, or nothing. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const names = [...new Set(known)];
  const near = nearest(name, names);
  if (near !== undefined) return meant(near);
  if (name.length > longestName) return '';
  return names.length === 0 ? '' : names.length <= 12 ? `; there are ${names.join(', ')}` : '';
}

/** `; did you mean "x"?` for the nearest of `names`, or nothing where none is near. */
export function nearestHint(name: string, names: readonly string[]): string {
  const near = nearest(name, names);
  return near === undefined ? '' : meant(near);
}

function meant(name: string): string {
  return `; did you mean "${name}"?`;
}

/** The one of `names` that `name` was probably meant to be; `undefined` where none is near. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  if (name.length > longestName) return undefined;
  const ranked = names
    .map((candidate) => ({ candidate, distance: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(1, Math.floor(name.length / 3))
    ? best.candidate
    : undefined;
}

/** Levenshtein distance, a transposition counting as one (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0)),
  );
  const at = (i: number, j: number): number => rows[i]![j]!;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, at(i - 2, j - 2) + 1);
      rows[i]![j] = least;
    }
  }
  return at(a.length, b.length);
}
