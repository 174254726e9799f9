import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { cpuLimit, threadsOf } from 'vivace/kit';
import { readText } from '../support/repository.js';

interface Case {
  readonly what: string;
  /** Keys: paths below the root. */
  readonly files: Readonly<Record<string, string>>;
  /** The limit on a machine of 64 CPUs. */
  readonly cpus: number;
}

describe('The CPU limit', () => {
  let root: string;
  beforeEach(async () => (root = await mkdtemp(join(tmpdir(), 'vivace-cgroups-'))));
  afterEach(() => rm(root, { recursive: true }));

  // The Python package reads the same cases.
  for (const { what, files, cpus } of JSON.parse(readText('test/fixtures/cgroups.json')) as Case[])
    it(`is ${cpus} for ${what}`, async () => {
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(root, path)), { recursive: true });
        await writeFile(join(root, path), text);
      }
      expect(cpuLimit(root, 64)).to.equal(cpus);
    });

  it('is what 0 threads mean, and no more than the machine lets the process use', () => {
    expect(threadsOf(0)).to.equal(cpuLimit());
    expect(threadsOf(0)).to.be.within(1, availableParallelism());
    expect(threadsOf(3)).to.equal(3);
  });
});
