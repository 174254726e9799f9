import { basename, dirname, resolve } from 'node:path';
import 'reflect-metadata';
import { readConfiguration } from '../config/configuration-file.js';
import { ConfigError, Mistakes, pathText, type ConfigPath, type Place } from '../config/mistake.js';
import { parseWith } from '../config/parse.js';
import { parseYamlFile, withLine } from '../config/yaml-file.js';
import type { Used } from './declaration.js';
import type { PartDeclaration } from './parts.js';
import { ServerOf } from './server.js';
import {
  checkSpecification,
  serverDurations,
  type Pipelines,
  type ServerSpecification,
} from './specification.js';

/**
 * Creates a server from parts, views and pipelines that are declared in code. `loadServer` does the same with a YAML file.
 *
 * The life of a server has three phases:
 *
 * - `createServer` checks everything that needs no backend: names, options, slots, types of columns. It starts nothing and opens nothing,
 *   so a test may call it to find the mistakes of a production configuration.
 * - `start` starts the parts, dependencies first, compiles the pipelines with the signatures of their models and lets the transports
 *   answer. Where a part fails, the error names it, and the parts before it are stopped again. A server starts only once.
 * - `stop` refuses new calls, waits up to `drainTimeoutMs` for those in flight, aborts the rest and stops the parts in reverse. It is
 *   safe to call twice.
 *
 * You must call `stop`: core installs no signal handler and never ends the process. The `vivace` command does both.
 *
 * @param specification The blocks of a YAML file (`parts`, `views`, `pipelines`, `modules`), and settings that only code can give.
 * @returns A server that is not started. It knows the types of its pipelines' requests and answers.
 * @throws {ConfigError} with every mistake at once, each with its path.
 * @example
 * ```ts
 * import { createServer } from 'vivace';
 *
 * const server = await createServer({
 *   parts: { calendar: { use: 'calendar' } },
 *   pipelines: {
 *     departure: {
 *       request: { at: 'timestamp' },
 *       steps: [{ transform: 'calendar', inputs: { time: 'request.at' } }],
 *       response: { outputs: { hour: 'calendar.hour' } },
 *     },
 *   },
 * });
 * await server.start();
 * const answer = await server.predict('departure', { request: { at: '2026-03-04T10:00:00Z' } });
 * console.log(answer.outputs.hour); // 10
 * await server.stop();
 * ```
 */
export async function createServer<const P extends Pipelines, const D extends Used, const O extends Used>(
  specification: ServerSpecification<P, D, O>,
): Promise<ServerOf<P>> {
  const { parts, views = {}, pipelines, admission, override, modules, ...settings } = specification;
  const mistakes = new Mistakes();
  parseWith(serverDurations, settings, { path: [], mistakes });
  const checked = await checkSpecification(
    {
      parts,
      views,
      pipelines,
      ...(admission === undefined ? {} : { admission }),
      ...(modules === undefined ? {} : { modules }),
    },
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
  'parts' | 'views' | 'pipelines' | 'admission' | 'directory'
> {
  /** Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The text of the file, where the caller has read it already. */
  readonly text?: string;
  /** Parts besides those of the file, such as a log sink. */
  readonly add?: Readonly<Record<string, PartDeclaration>>;
  /** Is told of each JavaScript file that the configuration names, there or not, also where loading fails. */
  readonly onFile?: (file: string) => void;
}

/**
 * Creates a server from a YAML file. Relative paths in it are resolved from the file's folder.
 *
 * @throws {ConfigError} with every mistake at once, each with its path and line.
 */
export async function loadServer(file: string, options: LoadOptions = {}): Promise<ServerOf> {
  const { env = process.env, override, text: given, add = {}, modules = [], onFile, ...settings } = options;
  const path = resolve(file);
  const text = given ?? (await readConfiguration(path));
  const parsed = parseYamlFile(text, basename(path), env);
  const directory = dirname(path);
  const mistakes = new Mistakes();
  parseWith(serverDurations, settings, { path: [], mistakes });
  const checked = await checkSpecification(withModules(withParts(parsed.value, add), modules), {
    directory,
    mistakes,
    environment: parsed.environment,
    ...(override === undefined ? {} : { override }),
    ...(onFile === undefined ? {} : { onFile }),
  });
  // Where the text itself is wrong, what it gives says nothing more.
  const wrong = new Set(parsed.mistakes.map(({ path: at }) => pathText(at)));
  const throwIfAny = ({ list }: Mistakes): void => {
    const found = [...parsed.mistakes, ...list.filter(({ path: at }) => !wrong.has(pathText(at)))];
    if (found.length > 0)
      throw new ConfigError(
        found.map((mistake) => withLine(mistake, (at) => parsed.lineOf(at))),
        basename(path),
      );
  };
  throwIfAny(mistakes);
  const placeOf = (at: ConfigPath): Place | undefined => {
    const line = parsed.lineOf(at);
    return line === undefined ? undefined : { file: basename(path), line };
  };
  return new ServerOf({ ...checked!, throwIfAny, placeOf }, { ...settings, directory });
}

/** Where both have a part of the same name, the file's part wins. */
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
