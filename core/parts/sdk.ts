import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VivaceError } from '../kernel/errors.js';

/** What an adapter requires of an npm package that it loads. */
export interface SdkRequirement {
  /** The lowest version that is known to work, three numbers such as `1.5.5`. A pre-release such as `1.5.5-r.5` counts as `1.5.5`. */
  readonly min: string;
  /** What goes wrong with an older one, such as `with two threads its as-of join never ends`; default: it is not tested. */
  readonly because?: string;
  /** The package is loaded only where the options or the environment ask for it, so it may be missing; default false. */
  readonly optional?: boolean;
  /**
   * The npm tag to install, for a vendor whose versions are all pre-releases: a range admits none of them. Default: the major version of
   * `min`.
   */
  readonly tag?: string;
}

/** The npm packages that an adapter loads, by name. */
export type SdkRequirements = Readonly<Record<string, SdkRequirement>>;

/** A package that is missing, or older than what is known to work. */
export interface SdkProblem {
  readonly package: string;
  /** The version that is installed; `undefined` where the package is missing. */
  readonly installed: string | undefined;
  /** One line: what is wrong, without what to do. */
  readonly message: string;
  /** What to pass to `npm install` to mend it: `redis@6`. */
  readonly install: string;
}

/**
 * The packages of a table that are missing or too old, in its order. Versions are read from the packages' manifests; nothing is loaded.
 *
 * A package whose version cannot be determined, such as an npm alias, is assumed to be right.
 */
export function sdkProblems(requirements: SdkRequirements): SdkProblem[] {
  return Object.entries(requirements).flatMap(([name, requirement]): SdkProblem[] => {
    const { min, because = 'older versions are not tested', optional = false, tag } = requirement;
    const install = `${name}@${tag ?? majorOf(min)}`;
    const entry = entryOf(name);
    if (entry === undefined) {
      const message = `${name} is not installed`;
      return optional ? [] : [{ package: name, installed: undefined, message, install }];
    }
    const installed = versionAt(entry, name);
    if (installed === undefined || !isOlder(installed, min)) return [];
    const message = `${name} ${installed} is too old: ${because}; ${min} or newer is needed`;
    return [{ package: name, installed, message, install }];
  });
}

/**
 * Refuses installed packages that are too old. A missing package is left to `loadSdk`, which knows whether it is needed.
 *
 * @throws {VivaceError} `FAILED_PRECONDITION` with the exact `npm install` line.
 */
export function refuseOldSdks(requirements: SdkRequirements): void {
  const old = sdkProblems(requirements).filter(({ installed }) => installed !== undefined);
  if (old.length === 0) return;
  const messages = old.map(({ message }) => message).join('; ');
  throw new VivaceError(
    'FAILED_PRECONDITION',
    `${messages}: npm install ${old.map(({ install }) => install).join(' ')}`,
  );
}

/** Whether the three numbers of a version are below those of another; what follows them does not count. */
export function isOlder(version: string, min: string): boolean {
  const [have, need] = [numbersOf(version), numbersOf(min)];
  if (have === undefined || need === undefined) return false;
  const differing = have.findIndex((number, i) => number !== need[i]);
  return differing >= 0 && have[differing]! < need[differing]!;
}

/** The range of versions that change nothing incompatibly: `6`, or `0.223` before 1. */
function majorOf(version: string): string {
  return /^(?:0\.\d+|\d+)/.exec(version)![0];
}

function numbersOf(version: string): number[] | undefined {
  return /^v?(\d+)\.(\d+)\.(\d+)(?![\d.])/.exec(version)?.slice(1).map(Number);
}

/** The file that an import of the package would load. */
function entryOf(name: string): string | undefined {
  try {
    return fileURLToPath(import.meta.resolve(name));
  } catch {
    return undefined;
  }
}

/** The version of a package, from the manifest above one of its files: `exports` may hide it from an import. */
function versionAt(file: string, name: string): string | undefined {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = manifestIn(folder);
    // Packages have further manifests inside, such as `{"type": "commonjs"}`.
    if (manifest?.name === name) return manifest.version;
  }
  return undefined;
}

function manifestIn(folder: string): { readonly name?: string; readonly version?: string } | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: string };
  } catch {
    return undefined;
  }
}
