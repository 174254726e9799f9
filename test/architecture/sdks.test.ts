import { expect } from 'chai';
import { isDefinition, type SdkRequirement } from 'vivace';
import { readText, repositoryFiles } from '../support/repository.js';

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readText('package.json')) as Manifest;
const lock = JSON.parse(readText('package-lock.json')) as {
  readonly packages: Readonly<Record<string, Partial<Manifest> & { readonly version: string }>>;
};

/** What adapters ask of each package that they load. */
async function requirements(): Promise<ReadonlyMap<string, readonly SdkRequirement[]>> {
  const found = new Map<string, SdkRequirement[]>();
  for (const path of repositoryFiles()) {
    const name = /^adapters\/([^/]+)\/index\.ts$/.exec(path)?.[1];
    if (name === undefined) continue;
    const module = (await import(`vivace/adapters/${name}`)) as object;
    for (const [sdk, requirement] of Object.values(module)
      .filter(isDefinition)
      .flatMap((definition) => Object.entries(definition.sdk)))
      found.set(sdk, [...(found.get(sdk) ?? []), requirement]);
  }
  return found;
}

/** The lowest version of a range `>=x` or `^x`. */
const floorOf = (range: string): string => range.replace(/^(>=|\^)/, '');

describe('The SDKs of adapters', () => {
  it('are the optional peers of the package, and some of its dependencies', async () => {
    const sdks = [...(await requirements()).keys()];
    const peers = sdks.filter((name) => !(name in manifest.dependencies));
    expect(peers.sort()).to.deep.equal(Object.keys(manifest.peerDependencies).sort());
    expect(Object.keys(manifest.peerDependenciesMeta).sort()).to.deep.equal(peers);
  });

  it('have the lowest version that is tested, in the table as in the range', async () => {
    const differing = [...(await requirements())].flatMap(([name, asked]) => {
      const tested = lock.packages[`node_modules/${name}`]!.version.replace(/-.*/, '');
      const range = manifest.peerDependencies[name] ?? manifest.dependencies[name]!;
      return (
        asked
          // A range admits pre-releases of one version only, so a vendor that has nothing else is held by the table alone.
          .filter(
            ({ min, tag }) => min !== tested || (tag === undefined ? floorOf(range) !== min : range !== '*'),
          )
          .map(({ min }) => `${name}: the table has ${min}, the range ${range}, and ${tested} is tested`)
      );
    });
    expect(differing).to.deep.equal([]);
  });

  it('have a tag exactly where every version is a pre-release', async () => {
    const tagged = [...(await requirements())].filter(([, asked]) =>
      asked.some(({ tag }) => tag !== undefined),
    );
    const prereleases = Object.keys(manifest.peerDependencies).filter((name) =>
      manifest.devDependencies[name]!.includes('-'),
    );
    expect(tagged.map(([name]) => name)).to.deep.equal(prereleases);
  });

  it('have the same ranges in the lock file', () => {
    expect(lock.packages['']!.peerDependencies).to.deep.equal(manifest.peerDependencies);
  });
});
