import type { Definition } from '../parts/definition.js';

/** The npm packages that a definition loads and that are not installed: for `npm install …`. */
export function missingSdks(definition: Definition): string[] {
  return definition.sdk.filter((name) => {
    try {
      import.meta.resolve(name);
      return false;
    } catch {
      return true;
    }
  });
}
