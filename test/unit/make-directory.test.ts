import { expect } from 'chai';
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { makeDirectory } from 'vivace/kit';
import { failure } from '../support/failure.js';
import { pendingBecause } from '../support/pending.js';

describe('makeDirectory', () => {
  let directory: string;
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'vivace-directories-'))));
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const codeOf = async (work: Promise<unknown>): Promise<string> => (await failure(work)).code;

  it('makes those above it too, several times and side by side', async () => {
    const path = join(directory, 'a', 'b', 'c');
    await Promise.all([path, path, join(path, 'd'), join(directory, 'a')].map(makeDirectory));
    await makeDirectory(path);
    expect(statSync(join(path, 'd')).isDirectory()).to.equal(true);
  });

  it('makes them though others remove those that are empty meanwhile', async () => {
    const path = join(directory, 'a', 'b', 'c');
    const others = { removing: true };
    const removing = (async () => {
      while (others.removing)
        for (const each of [path, dirname(path), dirname(dirname(path))])
          await rmdir(each).catch(() => undefined);
    })();
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        for (let round = 0; round < 500; round++) await makeDirectory(path);
      }),
    ).finally(() => (others.removing = false));
    await removing;
  });

  it('takes a link to a directory for one, and what exists above everything', async () => {
    symlinkSync(directory, join(directory, 'link'));
    await makeDirectory(join(directory, 'link'));
    await makeDirectory(join(directory, 'link', 'deep'));
    await makeDirectory('/');
    expect(existsSync(join(directory, 'deep'))).to.equal(true);
  });

  it('fails where a file stands in the way', async () => {
    writeFileSync(join(directory, 'file'), '');
    expect(await codeOf(makeDirectory(join(directory, 'file')))).to.equal('EEXIST');
    expect(await codeOf(makeDirectory(join(directory, 'file', 'a', 'b')))).to.equal('ENOTDIR');
  });

  it('ends in an error where a directory that exists can hold none', async function () {
    if (!existsSync('/proc/self')) pendingBecause(this, 'there is no /proc');
    expect(await codeOf(makeDirectory('/proc/vivace/deep'))).to.equal('ENOENT');
  });
});
