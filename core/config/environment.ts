import type { ConfigPath, Mistake } from './mistake.js';

const reference = /\$\{env:(?<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?<fallback>[^}]*))?\}/g;

/** The paths whose whole text was one environment reference. */
export class EnvironmentPaths {
  readonly #paths = new Set<string>();

  add(path: ConfigPath): void {
    this.#paths.add(JSON.stringify(path));
  }

  has(path: ConfigPath): boolean {
    return this.#paths.has(JSON.stringify(path));
  }
}

/** Replaces environment references in every text of a parsed document; keys are left alone. */
export function resolveEnvironment(
  document: unknown,
  env: Readonly<Record<string, string | undefined>>,
): { readonly value: unknown; readonly paths: EnvironmentPaths; readonly missing: readonly Mistake[] } {
  const paths = new EnvironmentPaths();
  const missing: Mistake[] = [];

  function visit(value: unknown, path: ConfigPath): unknown {
    if (typeof value === 'string') return replace(value, path);
    if (Array.isArray(value)) return value.map((item, i) => visit(item, [...path, i]));
    if (typeof value === 'object' && value !== null && !(value instanceof Date)) {
      return Object.fromEntries(
        Object.entries(value).map(([key, inner]) => [key, visit(inner, [...path, key])]),
      );
    }
    return value;
  }

  function replace(text: string, path: ConfigPath): string {
    const whole = text.replace(reference, '') === '' && text.match(reference)?.length === 1;
    if (whole) paths.add(path);
    return text.replace(reference, (_, name: string, fallback: string | undefined) => {
      const value = env[name];
      // As in a shell, the default after `:-` also replaces a variable that is set but empty.
      if (value !== undefined && !(value === '' && fallback !== undefined)) return value;
      if (fallback !== undefined) return fallback;
      missing.push({
        path,
        message: `the environment variable ${name} is not set; give a default with \${env:${name}:-…}`,
      });
      return '';
    });
  }

  return { value: visit(document, []), paths, missing };
}
