import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import 'reflect-metadata';
import { ConfigError, Mistakes, pathText } from '../config/mistake.js';
import { parseYamlFile, withLine } from '../config/yaml-file.js';
import { messageOf, VivaceError } from '../kernel/errors.js';
import type { PartDeclaration } from './parts.js';
import { ServerOf } from './server.js';
import { checkSpecification, type Pipelines, type ServerSpecification } from './specification.js';

/**
 * Checks a specification and makes a server of it. Nothing is started, and no backend is touched.
 *
 * @throws {ConfigError} with every mistake at once, each with its path.
 */
export async function createServer<const P extends Pipelines>(
  specification: ServerSpecification<P>,
): Promise<ServerOf<P>> {
  const { parts, views = {}, pipelines, override, modules, ...settings } = specification;
  const mistakes = new Mistakes();
  const checked = await checkSpecification(
    { parts, views, pipelines, ...(modules === undefined ? {} : { modules }) },
    {
      directory: settings.directory ?? process.cwd(),
      mistakes,
      ...(override === undefined ? {} : { override }),
    },
  );
  mistakes.throwIfAny();
  return new ServerOf<P>({ ...checked!, throwIfAny: (found) => found.throwIfAny() }, settings);
}

export interface LoadOptions extends Omit<
  ServerSpecification,
  'parts' | 'views' | 'pipelines' | 'directory'
> {
  /** Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The text of the file, where the caller has read it already. */
  readonly text?: string;
  /** Parts beside those of the file, such as a log sink. */
  readonly add?: Readonly<Record<string, PartDeclaration>>;
}

/**
 * Makes a server of a YAML file. Relative paths in it are meant from its folder.
 *
 * @throws {ConfigError} with every mistake at once, each with its path and line.
 */
export async function loadServer(file: string, options: LoadOptions = {}): Promise<ServerOf> {
  const { env = process.env, override, text: given, add = {}, modules = [], ...settings } = options;
  const path = resolve(file);
  const text = given ?? (await readText(path));
  const parsed = parseYamlFile(text, basename(path), env);
  const directory = dirname(path);
  const mistakes = new Mistakes();
  const checked = await checkSpecification(withModules(withParts(parsed.value ?? {}, add), modules), {
    directory,
    mistakes,
    environment: parsed.environment,
    ...(override === undefined ? {} : { override }),
  });
  // What is wrong with a text whose variable is missing says nothing of the text.
  const missing = parsed.missing.map(({ path: at }) => pathText(at));
  const throwIfAny = ({ list }: Mistakes): void => {
    const found = [...parsed.missing, ...list.filter(({ path: at }) => !missing.includes(pathText(at)))];
    if (found.length > 0)
      throw new ConfigError(
        found.map((mistake) => withLine(mistake, (at) => parsed.lineOf(at))),
        basename(path),
      );
  };
  throwIfAny(mistakes);
  return new ServerOf({ ...checked!, throwIfAny }, { ...settings, directory });
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const missing = (cause as { code?: unknown }).code === 'ENOENT';
    throw new VivaceError(
      'INVALID_CONFIG',
      missing
        ? `there is no configuration at ${path}; name a file, or begin one as docs/getting-started.md shows`
        : `the configuration ${path} cannot be read: ${messageOf(cause)}`,
      { cause },
    );
  }
}

/** A part of the file stands where both have the name. */
function withParts(value: unknown, add: Readonly<Record<string, PartDeclaration>>): unknown {
  if (typeof value !== 'object' || value === null || Object.keys(add).length === 0) return value;
  const { parts = {} } = value as { parts?: object | null };
  return { ...value, parts: { ...add, ...parts } };
}

/** The modules of the file come first, so that those of the caller may rebind. */
function withModules(value: unknown, modules: readonly unknown[]): unknown {
  if (typeof value !== 'object' || value === null || modules.length === 0) return value;
  const { modules: own } = value as { modules?: unknown };
  const first: readonly unknown[] = Array.isArray(own) ? own : own === undefined || own === null ? [] : [own];
  return { ...value, modules: [...first, ...modules] };
}
