import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importFile, localFiles } from 'vivace/kit';

describe('importFile', () => {
  let directory: string;
  const write = async (name: string, text: string): Promise<string> => {
    const file = join(directory, name);
    await writeFile(file, text);
    return file;
  };
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'vivace-import-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('imports a file again when it was edited, and the module of before when that was undone', async () => {
    const file = await write('a.mjs', 'export const value = {};');
    const first = await importFile(file);
    expect(await importFile(file)).to.equal(first);
    await write('a.mjs', 'export const value = 2;');
    expect((await importFile(file))['value']).to.equal(2);
    await write('a.mjs', 'export const value = {};');
    expect(await importFile(file)).to.equal(first);
  });

  it('imports a file again when what it imports was edited, and leaves the rest one module', async () => {
    const state = await write('state.mjs', 'export const state = {};');
    await write('deep.mjs', 'export const deep = 1;');
    await write('middle.mjs', `export * from './deep.mjs';`);
    const file = await write(
      'top.mjs',
      `import { state } from './state.mjs';\nexport { state };\nexport * from "./middle.mjs";`,
    );
    const other = await write('other.mjs', `export { state } from './state.mjs';`);
    const first = await importFile(file);
    await write('deep.mjs', 'export const deep = 2;');
    const [second, beside] = await Promise.all([importFile(file), importFile(other)]);
    expect([first['deep'], second['deep']]).to.deep.equal([1, 2]);
    expect(second['state']).to.equal(first['state']);
    expect(beside['state']).to.equal((await importFile(state))['state']);
    expect(second['state']).to.equal(beside['state']);
  });

  it('tries a file again that did not load', async () => {
    const file = await write('a.mjs', 'export const value = ;');
    let failed: unknown;
    await importFile(file).catch((error: unknown) => (failed = error));
    expect(failed).to.be.instanceOf(SyntaxError);
    await write('a.mjs', 'export const value = 3;');
    expect((await importFile(file))['value']).to.equal(3);
  });

  it('finds the files of a circle once', async () => {
    const a = await write('a.mjs', `import './b.mjs';`);
    const b = await write('b.mjs', `await import('./a.mjs');\nimport 'zod';\nimport './missing.mjs';`);
    expect(localFiles(a)).to.deep.equal([a, b]);
    expect(localFiles(join(directory, 'none.mjs'))).to.deep.equal([]);
  });
});
