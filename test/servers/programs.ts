import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';

/** Where `.ci/servers` installs what is in no Debian package. */
export const vendor = resolve('vendor');

/** Something outside of the tests that some of them need: where it is, or why it is not there. */
export type Found = { readonly path: string } | { readonly missing: string };

/** A program in `vendor/bin` or on the PATH. */
export function program(name: string): Found {
  const folders = [join(vendor, 'bin'), ...(process.env['PATH'] ?? '').split(delimiter)];
  const path = folders.map((folder) => join(folder, name)).find(isExecutable);
  return path === undefined ? { missing: `${name} is not installed` } : { path };
}

/** A file below `vendor`. */
export function vendored(path: string): Found {
  const absolute = join(vendor, path);
  return existsSync(absolute) ? { path: absolute } : { missing: `vendor/${path} is not installed` };
}

/** The first of them that is missing, as a reason. */
export function missing(...needed: readonly Found[]): string | undefined {
  return needed.flatMap((one) => ('missing' in one ? [one.missing] : []))[0];
}

/** A suite that needs programs; without them it is one pending test with the reason in its title. */
export function describeNeeding(
  needed: readonly Found[],
  title: string,
  body: (this: Mocha.Suite) => void,
): void {
  const reason = missing(...needed);
  if (reason === undefined) describe(title, body);
  else it(`${title} (pending: ${reason}; see .ci/servers)`);
}

/** The path of what `describeNeeding` has found. */
export function pathOf(found: Found): string {
  if ('missing' in found) throw new Error(found.missing);
  return found.path;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
