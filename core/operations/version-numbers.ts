import { highestNumber } from '../models/highest-number.js';
import { defaultAlias } from '../ports/model-repository.js';
import type { ListedModel } from './read-models.js';
import { wrongOption } from './wrong-option.js';

/** The version to add, which does not exist yet; neither it nor the alias may hide one that does. */
export function versionOf(
  known: readonly ListedModel[],
  {
    name,
    version,
    alias = defaultAlias,
  }: { readonly name: string; readonly version?: string; readonly alias?: string | false },
): string {
  const versions = known.map((model) => model.version);
  if (version !== undefined && versions.includes(version)) {
    throw wrongOption(
      'version',
      `${name} ${version} already exists, and a version never changes: leave the version out to add the next one`,
    );
  }
  if (version !== undefined && (version === alias || known.some(({ aliases }) => aliases.includes(version))))
    throw wrongOption(
      'version',
      `"${version}" is an alias of ${name}, which would hide the version: choose another`,
    );
  if (alias !== false && versions.includes(alias))
    throw wrongOption(
      'alias',
      `"${alias}" is a version of ${name}, which the alias would hide: choose another`,
    );
  return version ?? nextNumber(versions);
}

/** The number after the highest. */
export function nextNumber(versions: readonly string[]): string {
  return String(highestNumber(versions) + 1);
}
