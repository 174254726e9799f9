/**
 * The SQL condition that a column is one of some days: a range for each run of days, so that an engine can leave out what lies between.
 *
 * @param column An expression of whole numbers.
 * @param days In their order, at least one.
 */
export function amongDays(column: string, days: readonly number[]): string {
  const runs: { readonly first: number; last: number }[] = [];
  for (const day of days) {
    const run = runs.at(-1);
    if (run?.last === day - 1) run.last = day;
    else runs.push({ first: day, last: day });
  }
  return `(${runs.map(({ first, last }) => `${column} BETWEEN ${first} AND ${last}`).join(' OR ')})`;
}
