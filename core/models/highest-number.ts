/**
 * The highest of the numbers that versions are called, and 0 where none is a number.
 *
 * A number is written in digits alone, and without zeros before it: `1234e56`, the beginning of a commit's digest, is a name.
 */
export function highestNumber(versions: readonly string[]): number {
  return versions
    .filter((version) => /^[1-9]\d*$/.test(version))
    .map(Number)
    .filter(Number.isSafeInteger)
    .reduce((highest, number) => Math.max(highest, number), 0);
}
