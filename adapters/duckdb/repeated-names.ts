/** What is wrong with names of columns that are not told apart, as the end of a sentence; `undefined` where each can be. */
export function repeatedName(names: readonly string[]): string | undefined {
  const seen = new Map<string, string>();
  for (const name of names) {
    const lower = name.toLowerCase();
    const other = seen.get(lower);
    seen.set(lower, other ?? name);
    if (other === undefined) continue;
    const advice = 'give each column a name of its own';
    if (other !== name)
      return `names the columns "${other}" and "${name}", which differ in case only: ${advice}`;
    const times = names.filter((each) => each === name).length;
    return `names the column "${name}" ${times === 2 ? 'twice' : `${times} times`}: ${advice}`;
  }
  return undefined;
}

/** Whether DuckDB may have renamed one of these columns since another has its name: `a_1` beside `a`. */
export function mayBeRenamed(names: readonly string[]): boolean {
  const lower = new Set(names.map((name) => name.toLowerCase()));
  return [...lower].some((name) => {
    const renamed = /^(.*)_\d+$/s.exec(name)?.[1];
    return renamed !== undefined && lower.has(renamed);
  });
}
