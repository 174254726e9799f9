import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import 'reflect-metadata';
import { ConfigError, Mistakes, pathText } from '../config/mistake.js';
import { parseYamlFile, withLine } from '../config/yaml-file.js';
import { VivaceError } from '../errors.js';
import { Server } from './server.js';
import { checkSpecification, type Pipelines, type ServerSpecification } from './specification.js';

/**
 * Checks a specification and makes a server of it. Nothing is started, and no backend is touched.
 *
 * @throws {ConfigError} with every mistake at once, each with its path.
 */
export async function createServer<const P extends Pipelines>(
  specification: ServerSpecification<P>,
): Promise<Server<P>> {
  const { parts, views = {}, pipelines, override, ...settings } = specification;
  const mistakes = new Mistakes();
  const checked = await checkSpecification(
    { parts, views, pipelines },
    {
      directory: settings.directory ?? process.cwd(),
      mistakes,
      ...(override === undefined ? {} : { override }),
    },
  );
  mistakes.throwIfAny();
  return new Server<P>(checked!, settings);
}

export interface LoadOptions extends Omit<
  ServerSpecification,
  'parts' | 'views' | 'pipelines' | 'directory'
> {
  /** Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Makes a server of a YAML file. Relative paths in it are meant from its folder.
 *
 * @throws {ConfigError} with every mistake at once, each with its path and line.
 */
export async function loadServer(file: string, options: LoadOptions = {}): Promise<Server> {
  const { env = process.env, override, ...settings } = options;
  const path = resolve(file);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new VivaceError(
      'INVALID_CONFIG',
      `there is no configuration at ${path}; name a file, or begin one as docs/getting-started.md shows`,
      { cause },
    );
  });
  const parsed = parseYamlFile(text, basename(path), env);
  const directory = dirname(path);
  const mistakes = new Mistakes();
  const checked = await checkSpecification(parsed.value ?? {}, {
    directory,
    mistakes,
    environment: parsed.environment,
    ...(override === undefined ? {} : { override }),
  });
  // What is wrong with a text whose variable is missing says nothing of the text.
  const missing = parsed.missing.map(({ path: at }) => pathText(at));
  const others = mistakes.list.filter(({ path: at }) => !missing.includes(pathText(at)));
  const found = [...parsed.missing, ...others];
  if (found.length > 0) {
    throw new ConfigError(
      found.map((mistake) => withLine(mistake, (path) => parsed.lineOf(path))),
      basename(path),
    );
  }
  return new Server(checked!, { ...settings, directory });
}
