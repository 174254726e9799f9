import {
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
  type Pair,
  type YAMLMap,
} from 'yaml';
import { resolveEnvironment, type EnvironmentPaths } from './environment.js';
import { messageOf } from '../kernel/errors.js';
import { ConfigError, type ConfigPath, type Mistake } from './mistake.js';
import { contentFaults, syntaxFaults } from './yaml-faults.js';
import { checkYamlLimits } from './yaml-limits.js';

/** A parsed file: its value, where its strings came from the environment, and the line of any path. */
export interface ParsedFile {
  readonly value: unknown;
  readonly environment: EnvironmentPaths;
  /** What is wrong with the text itself: keys that stand twice, wrong references, variables that are not set. */
  readonly mistakes: readonly Mistake[];
  lineOf(path: ConfigPath): number | undefined;
}

/**
 * Parses a YAML configuration and then resolves `${env:NAME}` and `${env:NAME:-default}` in its texts.
 *
 * @throws {ConfigError} with every syntax error.
 */
export function parseYamlFile(
  text: string,
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): ParsedFile {
  checkYamlLimits(text, file);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    // `contentFaults` reports keys that stand twice and merge keys, in words and with both lines.
    uniqueKeys: false,
    merge: true,
    logLevel: 'error',
  });
  const read = { document, text, lines };
  if (document.errors.length > 0) throw new ConfigError(syntaxFaults(read), file);
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null))
    throw new ConfigError([{ path: [], message: 'the file is empty', line: 1 }], file);
  const { faults, resolved } = contentFaults(read);
  if (!resolved) throw new ConfigError(faults, file);
  const lineOf = (path: ConfigPath): number | undefined => lineOfPath(document, path, lines);
  const { value, paths, mistakes } = resolveEnvironment(plainValue(document, file), env);
  return { value, environment: paths, mistakes: [...faults, ...mistakes], lineOf };
}

/** The document as plain values, with aliases resolved. Aliases that lead nowhere, into themselves or to very many values are refused. */
function plainValue(document: Document, file: string): unknown {
  try {
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    // A document can contain itself only through an alias within its own anchor.
    JSON.stringify(value);
    return value;
  } catch (cause) {
    const circular = cause instanceof TypeError || cause instanceof RangeError;
    const message = circular
      ? 'an alias refers to the anchor that contains it'
      : messageOf(cause).split('\n')[0]!;
    throw new ConfigError([{ path: [], message }], file);
  }
}

export function withLine(mistake: Mistake, lineOf: ParsedFile['lineOf']): Mistake {
  if (mistake.line !== undefined) return mistake;
  const line = lineOf(mistake.path);
  return line === undefined ? mistake : { ...mistake, line };
}

/** The pairs of a map by their keys, which are looked up once for each mistake. */
function pairsOf(map: YAMLMap): ReadonlyMap<string, Pair> {
  const known = pairs.get(map);
  if (known !== undefined) return known;
  const found = new Map<string, Pair>();
  for (const item of map.items) {
    const key = isPair(item) && isScalar(item.key) ? String(item.key.value) : undefined;
    if (key !== undefined && !found.has(key)) found.set(key, item);
  }
  pairs.set(map, found);
  return found;
}
const pairs = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>();

/** The line of a path, or of the nearest parent that is in the file. */
function lineOfPath(document: Document, path: ConfigPath, lines: LineCounter): number | undefined {
  let node: unknown = document.contents;
  let offset = (node as Node | null)?.range?.[0];
  for (const segment of path) {
    if (isMap(node)) {
      const pair = pairsOf(node).get(String(segment));
      if (pair === undefined) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      const item = node.items[Number(segment)];
      if (item === undefined) break;
      offset = (item as Node).range?.[0] ?? offset;
      node = item;
    } else break;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}

/**
 * Parses the YAML of a spine, which may refer to the environment as a configuration does. `buildTrainingSet` checks what it says.
 *
 * @param file Its name, for errors.
 * @throws {ConfigError} with every mistake of the text, missing variables included.
 */
export function parseSpine(
  text: string,
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): unknown {
  const { value, mistakes, ...parsed } = parseYamlFile(text, file, env);
  if (mistakes.length > 0)
    throw new ConfigError(
      mistakes.map((mistake) => withLine(mistake, (at) => parsed.lineOf(at))),
      file,
    );
  if (typeof value === 'object' && value !== null)
    Object.defineProperty(value, inFile, {
      value: { file, lineOf: (at) => parsed.lineOf(at) } satisfies InFile,
    });
  return value;
}

/** Where a value of its own file was read from: not a key of what the file says. */
const inFile = Symbol('vivace.inFile');

interface InFile {
  readonly file: string;
  readonly lineOf: ParsedFile['lineOf'];
}

/**
 * Throws mistakes about a value, with the lines of the file that it was parsed from, if it was.
 *
 * @param root What the paths of the mistakes begin with, which the file does not have.
 * @throws {ConfigError} with every mistake; it returns where there are none.
 */
export function throwInFile(value: unknown, mistakes: readonly Mistake[], root: string): void {
  if (mistakes.length === 0) return;
  const from =
    typeof value === 'object' && value !== null ? (value as { [inFile]?: InFile })[inFile] : undefined;
  if (from === undefined) throw new ConfigError(mistakes);
  throw new ConfigError(
    mistakes.map((mistake) => {
      const line = from.lineOf(mistake.path[0] === root ? mistake.path.slice(1) : mistake.path);
      return line === undefined ? mistake : { ...mistake, line };
    }),
    from.file,
  );
}
