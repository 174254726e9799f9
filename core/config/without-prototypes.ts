import type { ConfigPath, Mistakes } from './mistake.js';

const key = '__proto__';
/** How many blocks may stand within each other; a parser of JSON allows as many as there are bytes. */
const mostDeep = 500;

/**
 * The value without keys named `__proto__`, each of which becomes a mistake: JavaScript takes that name for the prototype of an object, and
 * zod leaves it out without a word. Blocks that stand too deep within each other are one, too: who reads them one within the other would run out
 * of stack.
 *
 * Only plain objects and lists are looked into; a value without such keys is returned as it is.
 */
export function withoutPrototypes(
  value: unknown,
  { path, mistakes }: { readonly path: ConfigPath; readonly mistakes: Mistakes },
): unknown {
  const within = new Set<unknown>();

  function visit(current: unknown, at: ConfigPath): unknown {
    // Objects of code may contain themselves.
    if (!isPlain(current) || within.has(current)) return current;
    if (within.size === mostDeep) {
      mistakes.add(at.slice(0, path.length + 1), `more than ${mostDeep} blocks stand within each other`);
      return undefined;
    }
    within.add(current);
    let changed = false;
    const entries = Object.entries(current).flatMap(([name, inner]) => {
      if (name === key) {
        changed = true;
        mistakes.add([...at, name], `"${key}" cannot be a name: choose another`);
        return [];
      }
      const kept = visit(inner, [...at, Array.isArray(current) ? Number(name) : name]);
      changed ||= kept !== inner;
      return [[name, kept] as const];
    });
    within.delete(current);
    if (!changed) return current;
    return Array.isArray(current) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries);
  }

  return visit(value, path);
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  // A definition has a symbol, which a copy would lose.
  if (
    Object.getOwnPropertySymbols(value).some((symbol) =>
      Object.prototype.propertyIsEnumerable.call(value, symbol),
    )
  )
    return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}
