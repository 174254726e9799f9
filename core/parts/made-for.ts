const form = /^(\^|>=)(\d+)(?:\.(\d+))?(?:\.(\d+))?$/;

/** Whether a text is a range of versions as a definition writes it: `^0.2`, `^1.4.2` or `>=0.3`. */
export function isVersionRange(range: string): boolean {
  return form.test(range);
}

/**
 * Whether a version of Vivace is one that a definition is made for.
 *
 * `>=` admits the version and all later ones; `^` those of them that change nothing incompatibly: the same major version, or before 1 the
 * same minor version. A pre-release counts as the version that it precedes.
 */
export function isMadeFor(range: string, version: string): boolean {
  const [, how, ...least] = form.exec(range) ?? [];
  const min = least.map((number) => Number(number ?? 0));
  const have = version.split(/[.+-]/, 3).map(Number);
  const differing = have.findIndex((number, i) => number !== min[i]);
  if (differing < 0) return true;
  if (have[differing]! < min[differing]!) return false;
  return how === '>=' || differing > (min[0] === 0 ? 1 : 0);
}
