import type { ConfigPath, Mistake } from './mistake.js';

/** `$${`, which stands for `${`, or what looks like a reference. */
const references = /\$\$(?=\{)|\$\{(?<inside>[^}]*)\}?/g;
const reference = /^env:(?<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?<fallback>.*))?$/s;

/** The paths of texts that held environment references. */
export class EnvironmentPaths {
  readonly #written = new Map<string, { readonly text: string; readonly whole: boolean }>();

  add(path: ConfigPath, text: string, whole: boolean): void {
    this.#written.set(JSON.stringify(path), { text, whole });
  }

  /** Whether the whole text was one reference. */
  has(path: ConfigPath): boolean {
    return this.#written.get(JSON.stringify(path))?.whole === true;
  }

  /** The text as the file has it, where it holds a reference. */
  written(path: ConfigPath): string | undefined {
    return this.#written.get(JSON.stringify(path))?.text;
  }
}

/** Replaces environment references in every text of a parsed document; keys are left alone. */
export function resolveEnvironment(
  document: unknown,
  env: Readonly<Record<string, string | undefined>>,
): { readonly value: unknown; readonly paths: EnvironmentPaths; readonly mistakes: readonly Mistake[] } {
  const paths = new EnvironmentPaths();
  const mistakes: Mistake[] = [];

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
    return text.replace(references, (found, ...rest: unknown[]) => {
      const { inside } = rest.at(-1) as { readonly inside?: string };
      if (inside === undefined) return '$';
      const { name, fallback } = reference.exec(inside)?.groups ?? {};
      if (name === undefined || !found.endsWith('}') || fallback?.includes('${') === true) {
        mistakes.push({ path, message: notReference(found, inside) });
        return '';
      }
      paths.add(path, text, found === text);
      // Own variables only: an environment may be a plain object.
      const value = Object.hasOwn(env, name) ? env[name] : undefined;
      // As in a shell, the default after `:-` also replaces a variable that is set but empty.
      if (value !== undefined && !(value === '' && fallback !== undefined)) return value;
      if (fallback !== undefined) return fallback;
      mistakes.push({
        path,
        message: `the environment variable ${name} is not set; give a default with \${env:${name}:-…}`,
      });
      return '';
    });
  }

  return { value: visit(document, []), paths, mistakes };
}

function notReference(found: string, inside: string): string {
  if (!found.endsWith('}')) return `"${found}" is not a reference: it has no closing }`;
  if (inside.includes('${')) return `"${found}}" is not a reference: a default cannot hold another one`;
  const [, name, fallback] = /^(?:env[:.])?([A-Za-z_][A-Za-z0-9_]*)(?:[:=-]+(.*))?$/is.exec(inside) ?? [];
  const meant =
    name === undefined ? '${env:NAME}' : `\${env:${name}${fallback === undefined ? '' : `:-${fallback}`}}`;
  return `"${found}" is not a reference: write "${meant}"; "$\${" stands for "\${" itself`;
}
