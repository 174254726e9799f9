import { VivaceError } from '../kernel/errors.js';

/** A mistake of a view, at a path relative to it. */
export function mistake(path: string, message: string): VivaceError {
  return new VivaceError('INVALID_CONFIG', message, { path });
}

/**
 * Warehouses do not tell the names of columns apart by case.
 *
 * @throws {VivaceError} `INVALID_CONFIG` with `path` relative to the view.
 */
export function checkCase(block: string, names: readonly string[]): void {
  const seen = new Map<string, string>();
  for (const name of names) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined) {
      throw mistake(
        `${block}.${name}`,
        `"${other}" and "${name}" differ in case only, and warehouses do not tell them apart: rename one`,
      );
    }
    seen.set(name.toLowerCase(), name);
  }
}
