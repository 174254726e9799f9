/** Where a value is in an answer, such as `$.offer.prices[0].amount`. */
export interface JsonPath {
  readonly text: string;
  /** The value there; `undefined` where there is none. */
  of(value: unknown): unknown;
}

const step = /\.([A-Za-z_][\w-]*)|\[(\d{1,9})\]|\['((?:[^'\\]|\\.)*)'\]/y;

/** @returns `undefined` for a text that is not such a path. */
export function jsonPath(text: string): JsonPath | undefined {
  if (!text.startsWith('$')) return undefined;
  const steps: (string | number)[] = [];
  step.lastIndex = 1;
  while (step.lastIndex < text.length) {
    const found = step.exec(text);
    if (found === null) return undefined;
    const [, name, index, quoted] = found;
    if (index !== undefined) steps.push(Number(index));
    else steps.push(name ?? quoted!.replaceAll(/\\(.)/g, '$1'));
  }
  return {
    text,
    of(value) {
      let at = value;
      for (const each of steps) {
        if (typeof at !== 'object' || at === null) return undefined;
        if (typeof each === 'number' ? !Array.isArray(at) : Array.isArray(at)) return undefined;
        if (!Object.hasOwn(at, each)) return undefined;
        at = (at as Record<string | number, unknown>)[each];
      }
      return at;
    },
  };
}
