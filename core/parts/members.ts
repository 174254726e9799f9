/** Own members and those of the part's class, so that a part may be a literal or an instance. */
export function* members(part: Readonly<Record<string, unknown>>): Generator<[string, unknown]> {
  // Keys: names of methods.
  const seen = new Set<string>();
  for (
    let object: object = part;
    object !== Object.prototype && object !== null;
    object = Object.getPrototypeOf(object) as object
  ) {
    for (const name of Object.getOwnPropertyNames(object)) {
      if (seen.has(name) || name === 'constructor') continue;
      seen.add(name);
      yield [name, part[name]];
    }
  }
}
