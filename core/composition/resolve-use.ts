import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, extname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { VivaceError } from '../kernel/errors.js';
import { isDefinition, type Definition } from '../parts/definition.js';
import { didYouMean, nearestHint } from '../config/did-you-mean.js';
import { importModule } from './import-module.js';

const rooms = ['plugins', 'adapters'] as const;
const packageDirectory = fileURLToPath(new URL('../../', import.meta.url));

/** The names that `use:` knows without any package: the folders of plugins and adapters. */
export function builtInNames(): string[] {
  return rooms.flatMap((room) =>
    readdirSync(join(packageDirectory, room), { withFileTypes: true })
      .filter(
        (entry) => entry.isDirectory() && existsSync(join(packageDirectory, room, entry.name, 'index.js')),
      )
      .map((entry) => entry.name),
  );
}

/**
 * Finds what `use:` names: a relative `.js` or `.mjs` file, a plugin or adapter of Vivace, or the package `vivace-<name>`; for
 * `@scope/name`, the package `@scope/vivace-<name>`.
 *
 * @param directory Where relative paths and packages are looked up.
 * @param onFile Is told of the file that `use` names, there or not.
 * @throws {VivaceError} `INVALID_CONFIG`: unknown name (with the nearest one), or a module that does not load (with the reason).
 */
export async function resolveUse(
  use: string | Definition,
  directory: string,
  onFile?: (file: string) => void,
): Promise<Definition> {
  if (typeof use !== 'string') return use;
  if (use.startsWith('./') || use.startsWith('../') || use.startsWith('/')) {
    onFile?.(resolve(directory, use));
    return fromFile(use, directory);
  }
  const { scope = '', name } = useNames.exec(use)?.groups ?? {};
  if (name === undefined) {
    throw new VivaceError(
      'INVALID_CONFIG',
      `"${use}" is not a valid name: write a relative .js or .mjs file, or a name such as redis or @acme/redis${nearestHint(use, builtInNames())}`,
    );
  }
  for (const room of scope === '' ? rooms : []) {
    if (existsSync(join(packageDirectory, room, name, 'index.js')))
      return load(`vivace/${room}/${name}`, { name, shown: name, directory });
  }
  const packageName = `${scope}vivace-${name}`;
  const places = packagePlaces(directory);
  const found = places
    .map((place) => join(place, packageName))
    .find((folder) => existsSync(join(folder, 'package.json')));
  if (found === undefined) throw unknown(use, { packageName, directory, known: namesKnownTo(places, scope) });
  return load(pathToFileURL(entryOf(found)).href, { name, shown: packageName, directory });
}

/** `redis`, `@acme/redis`, or the name of the package itself. */
const useNames = /^(?<scope>@[a-z0-9][a-z0-9._-]*\/)?(?:vivace-)?(?<name>[a-z][a-z0-9-]*)$/;

/** The folders in which code in `directory` looks for packages, the nearest first. */
function packagePlaces(directory: string): readonly string[] {
  return createRequire(join(directory, 'vivace.js')).resolve.paths('vivace') ?? [];
}

/** What `use:` could name: what Vivace has, or the packages of a scope, and installed packages. */
function namesKnownTo(places: readonly string[], scope: string): string[] {
  const installed = places
    .map((place) => join(place, scope))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder))
    .filter((folder) => folder.startsWith('vivace-'))
    .map((folder) => `${scope}${folder.slice('vivace-'.length)}`);
  return scope === '' ? [...builtInNames(), ...installed] : installed;
}

/**
 * The file that an `import` of the package loads. `require.resolve` cannot be used, because it refuses packages that export to `import`
 * only.
 *
 * @see https://nodejs.org/docs/latest-v20.x/api/esm.html#resolution-algorithm-specification
 */
function entryOf(folder: string): string {
  const { exports, main } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    exports?: unknown;
    main?: string;
  };
  return join(folder, exportedTo(exports) ?? main ?? 'index.js');
}

function exportedTo(target: unknown): string | undefined {
  if (typeof target === 'string') return target;
  if (Array.isArray(target)) return target.map(exportedTo).find((file) => file !== undefined);
  if (typeof target !== 'object' || target === null) return undefined;
  const known = Object.entries(target).filter(([key]) => ['.', 'import', 'node', 'default'].includes(key));
  return known.map(([, inner]) => exportedTo(inner)).find((file) => file !== undefined);
}

async function fromFile(use: string, directory: string): Promise<Definition> {
  const file = resolve(directory, use);
  if (!['.js', '.mjs'].includes(extname(file))) {
    throw new VivaceError('INVALID_CONFIG', `"${use}" is not a .js or .mjs file: compile TypeScript first`);
  }
  if (!existsSync(file)) throw new VivaceError('INVALID_CONFIG', `there is no file ${use} in ${directory}`);
  return load(file, { name: basename(file, extname(file)), shown: use, directory });
}

async function load(
  specifier: string,
  { name, shown, directory }: { readonly name: string; readonly shown: string; readonly directory: string },
): Promise<Definition> {
  const module = await importModule(specifier, { shown, directory });
  const named = module[camelCase(name)];
  if (isDefinition(named)) return named;
  const definitions = Object.values(module).filter(isDefinition);
  if (definitions.length === 1) return definitions[0]!;
  throw new VivaceError(
    'INVALID_CONFIG',
    `"${shown}" does not export a definition "${camelCase(name)}": export what defineAdapter or definePlugin returns under that name`,
  );
}

function unknown(
  use: string,
  {
    packageName,
    directory,
    known,
  }: { readonly packageName: string; readonly directory: string; readonly known: readonly string[] },
): VivaceError {
  const builtIn = packageName.startsWith('@')
    ? 'there is'
    : 'Vivace has no such adapter or plugin, and there is';
  return new VivaceError(
    'INVALID_CONFIG',
    `nothing is named "${use}": ${builtIn} no package ${packageName} in a node_modules folder of ${directory} or above${didYouMean(use, known)}`,
  );
}

export function camelCase(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
