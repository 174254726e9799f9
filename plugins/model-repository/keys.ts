import { pathNames, VivaceError, type ModelVersion } from 'vivace';

/** Where a model's aliases lie; no version is called so. */
export const aliasFolder = 'aliases';

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

export function aliasKey(model: string, alias: string): string {
  return `${checkName(model, 'model name')}/${aliasFolder}/${checkName(alias, 'alias')}`;
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

/** What a key in the blob store stands for; `undefined` for a file of a bundle. */
export function parseKey(
  key: string,
):
  | { readonly name: string; readonly version: string }
  | { readonly name: string; readonly alias: string }
  | undefined {
  const [model, middle, last, ...rest] = key.split('/');
  if (model === undefined || middle === undefined || last === undefined || rest.length > 0) return undefined;
  if (middle === aliasFolder) return { name: model, alias: last };
  return last === 'model.json' ? { name: model, version: middle } : undefined;
}

function checkVersion(version: string): string {
  if (version === aliasFolder) throw invalid(`a version cannot be called "${aliasFolder}"`);
  return checkName(version, 'version');
}

function checkName(value: string, what: string): string {
  if (!pathNames.pattern.test(value))
    throw invalid(`"${value}" is not a valid ${what}: it must have ${pathNames.text}`);
  return value;
}

function invalid(message: string): VivaceError {
  return new VivaceError('INVALID_ARGUMENT', message);
}
