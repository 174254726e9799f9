import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, extname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { VivaceError, messageOf } from '../kernel/errors.js';
import { isDefinition, type Definition } from '../parts/definition.js';
import { didYouMean } from '../config/did-you-mean.js';

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
 * Finds what `use:` names: a relative `.js` or `.mjs` file, a plugin or adapter of Vivace, or the package `vivace-<name>`.
 *
 * @param directory Where relative paths and packages are looked up.
 * @throws {VivaceError} `INVALID_CONFIG`: unknown name (with the nearest one), or a module that does not load (with the reason).
 */
export async function resolveUse(use: string | Definition, directory: string): Promise<Definition> {
  if (typeof use !== 'string') return use;
  if (use.startsWith('./') || use.startsWith('../') || use.startsWith('/')) return fromFile(use, directory);
  if (!/^[a-z][a-z0-9-]*$/.test(use)) throw unknown(use);
  for (const room of rooms) {
    if (existsSync(join(packageDirectory, room, use, 'index.js')))
      return load(`vivace/${room}/${use}`, use, use);
  }
  const found = packageFolder(`vivace-${use}`, directory);
  if (found === undefined) throw unknown(use);
  return load(pathToFileURL(entryOf(found)).href, use, `vivace-${use}`);
}

/** The folder of a package as code in `directory` would find it. */
function packageFolder(name: string, directory: string): string | undefined {
  const places = createRequire(join(directory, 'vivace.js')).resolve.paths(name) ?? [];
  return places.map((place) => join(place, name)).find((folder) => existsSync(join(folder, 'package.json')));
}

/**
 * The file that an `import` of the package loads. `require.resolve` does not do: it refuses packages that export to `import` only.
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
    throw new VivaceError('INVALID_CONFIG', `"${use}" is no .js or .mjs file; compile TypeScript first`);
  }
  if (!existsSync(file)) throw new VivaceError('INVALID_CONFIG', `there is no file ${use} in ${directory}`);
  return load(pathToFileURL(file).href, basename(file, extname(file)), use);
}

async function load(specifier: string, name: string, shown: string): Promise<Definition> {
  let module: Record<string, unknown>;
  try {
    module = (await import(specifier)) as Record<string, unknown>;
  } catch (cause) {
    throw new VivaceError('INVALID_CONFIG', `"${shown}" does not load: ${messageOf(cause)}`, { cause });
  }
  const named = module[camelCase(name)];
  if (isDefinition(named)) return named;
  const definitions = Object.values(module).filter(isDefinition);
  if (definitions.length === 1) return definitions[0]!;
  throw new VivaceError(
    'INVALID_CONFIG',
    `"${shown}" exports no definition "${camelCase(name)}"; export what defineAdapter or definePlugin returns under that name`,
  );
}

function unknown(use: string): VivaceError {
  return new VivaceError('INVALID_CONFIG', `nothing is named "${use}"${didYouMean(use, builtInNames())}`);
}

export function camelCase(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
