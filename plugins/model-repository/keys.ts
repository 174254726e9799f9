import { pathNames, VivaceError, type ModelVersion } from 'vivace';

/** Where a model's aliases lie; no version is called so. */
export const aliasFolder = 'aliases';

/** Where versions are noted that are being removed; neither a version nor an alias begins with a dot. */
const markFolder = '.removing';
/** Where versions are noted that are being added. */
const claimFolder = '.adding';

/** Where everything of a model lies. */
export function modelPrefix(name: string): string {
  return `${checkName(name, 'model name')}/`;
}

/** Where a version's manifest and files lie. */
export function versionPrefix({ name, version }: ModelVersion): string {
  return `${checkName(name, 'model name')}/${checkVersion(version)}/`;
}

export function manifestKey(model: ModelVersion): string {
  return `${versionPrefix(model)}model.json`;
}

/** Where the aliases of a model lie. */
export function aliasesPrefix(name: string): string {
  return `${modelPrefix(name)}${aliasFolder}/`;
}

export function aliasKey(model: string, alias: string): string {
  return `${aliasesPrefix(model)}${checkName(alias, 'alias')}`;
}

/** Says that a version is being removed, by whom and since when. */
export function markKey({ name, version }: ModelVersion): string {
  return `${checkName(name, 'model name')}/${markFolder}/${checkVersion(version)}`;
}

/** Says that a version is being added, by whom, since when and with which files. */
export function claimKey({ name, version }: ModelVersion): string {
  return `${checkName(name, 'model name')}/${claimFolder}/${checkVersion(version)}`;
}

/** `name` or `name@tag`. */
export function parseReference(reference: string): {
  readonly name: string;
  readonly tag: string | undefined;
} {
  const [model = '', tag, ...rest] = reference.split('@');
  if (rest.length > 0) throw invalid(`"${reference}" is not a model: write name, name@alias or name@version`);
  return {
    name: checkName(model, 'model name'),
    tag: tag === undefined ? undefined : checkName(tag, 'alias or version'),
  };
}

/** What a key in the blob store stands for. */
export type Stored =
  | { readonly kind: 'manifest' | 'mark' | 'claim'; readonly name: string; readonly version: string }
  | { readonly kind: 'file'; readonly name: string; readonly version: string; readonly path: string }
  | { readonly kind: 'alias'; readonly name: string; readonly alias: string };

/** @returns `undefined` for what is nothing of a repository, such as the files that an editor or a file manager leaves behind. */
export function parseKey(key: string): Stored | undefined {
  const [name = '', folder = '', last = '', ...rest] = key.split('/');
  if (!isName(name) || last === '') return undefined;
  const isLast = rest.length === 0;
  if (folder === aliasFolder)
    return isLast && isName(last) ? { kind: 'alias', name, alias: last } : undefined;
  if (folder === markFolder || folder === claimFolder) {
    const kind = folder === markFolder ? 'mark' : 'claim';
    return isLast && isVersion(last) ? { kind, name, version: last } : undefined;
  }
  if (!isVersion(folder)) return undefined;
  if (isLast && last === 'model.json') return { kind: 'manifest', name, version: folder };
  return { kind: 'file', name, version: folder, path: [last, ...rest].join('/') };
}

/** Whether a version can be called so. */
export function isVersion(text: string): boolean {
  return isName(text) && text !== aliasFolder;
}

function isName(text: string): boolean {
  return pathNames.pattern.test(text);
}

function checkVersion(version: string): string {
  if (version === aliasFolder) throw invalid(`a version cannot be called "${aliasFolder}"`);
  return checkName(version, 'version');
}

function checkName(value: string, what: string): string {
  if (!isName(value)) throw invalid(`"${value}" is not a valid ${what}: it must have ${pathNames.text}`);
  return value;
}

function invalid(message: string): VivaceError {
  return new VivaceError('INVALID_ARGUMENT', message);
}
