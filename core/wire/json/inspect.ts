import { VivaceError } from 'vivace';

const refused = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Looks for keys that could reach an object's prototype, anywhere in a parsed body.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` with the path of the first one, or of what nests deeper than `maxDepth`.
 */
export function inspect(value: unknown, maxDepth: number, path = ''): void {
  if (typeof value !== 'object' || value === null) return;
  if (maxDepth === 0) throw new VivaceError('INVALID_ARGUMENT', 'the body nests too deeply here', { path });
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const item: unknown = value[i];
      if (typeof item === 'object') inspect(item, maxDepth - 1, `${path}[${i}]`);
    }
    return;
  }
  for (const key of Object.keys(value)) {
    const inner = path === '' ? key : `${path}.${key}`;
    if (refused.has(key))
      throw new VivaceError('INVALID_ARGUMENT', `"${key}" cannot be the name of a field`, { path: inner });
    inspect((value as Record<string, unknown>)[key], maxDepth - 1, inner);
  }
}
