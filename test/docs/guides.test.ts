import { expect } from 'chai';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { loadServer, resolveUse } from 'vivace';
import * as kit from 'vivace/kit';
import * as testing from 'vivace/testing';
import { compilePage, importBlock, removeFolder, writeFiles } from '../support/guide.js';
import { filesOf, readText, root } from '../support/repository.js';

/** The tests that the guides show, as suites of this run. */
for (const page of ['docs/writing-a-plugin.md', 'docs/writing-an-adapter.md', 'docs/testing.md']) {
  const folder = compilePage(page);
  for (const name of filesOf(page).keys()) {
    if (!name.endsWith('.test.ts')) continue;
    await import(pathToFileURL(join(folder, name.replace(/\.ts$/, '.js'))).href);
  }
}

describe('docs/writing-a-plugin.md', () => {
  const page = 'docs/writing-a-plugin.md';
  let folder: string;

  before(() => {
    folder = writeFiles(page, (name) => !name.endsWith('.ts'));
    // As in a project that has installed vivace, and the package that the page shows.
    mkdirSync(join(folder, 'node_modules/vivace-word-count'), { recursive: true });
    symlinkSync(root, join(folder, 'node_modules/vivace'));
    symlinkSync(join(root, 'node_modules/zod'), join(folder, 'node_modules/zod'));
    const compiled = join(compilePage(page), 'word-count.js');
    cpSync(compiled, join(folder, 'word-count.js'));
    cpSync(compiled, join(folder, 'node_modules/vivace-word-count/word-count.js'));
    writeFileSync(
      join(folder, 'node_modules/vivace-word-count/package.json'),
      filesOf(page).get('package.json')!,
    );
  });
  after(() => removeFolder(folder));

  it('answers what it says', async () => {
    const server = await loadServer(join(folder, 'vivace.yaml'));
    await server.start();
    const answer = await server.predict('measure', { request: { title: 'a room with a view' } });
    await server.stop();
    expect((answer as unknown as { outputs: object }).outputs).to.deep.equal({ words: 3 });
  });

  it('shows a package that `use` finds by its short name', async () => {
    expect((await resolveUse('word-count', folder)).name).to.equal('word-count');
  });

  it('runs its steps', async () => {
    expect((await importBlock(page, 'price.ts'))['paid']).to.equal(9.5);
  });

  it('has a tsconfig that its code compiles with', () => {
    const { config } = ts.parseConfigFileTextToJson('tsconfig.json', filesOf(page).get('tsconfig.json')!) as {
      config: { compilerOptions: object };
    };
    // Within the package, so that `vivace` is this one.
    const source = join(root, 'dist/docs/tsconfig');
    const { options, errors } = ts.convertCompilerOptionsFromJson(config.compilerOptions, source);
    const files = [...filesOf(page).keys()].filter((name) => name.endsWith('.ts'));
    mkdirSync(join(source, 'src'), { recursive: true });
    for (const name of files) writeFileSync(join(source, 'src', name), filesOf(page).get(name)!);
    const paths = files.map((name) => join(source, 'src', name));
    const program = ts.createProgram(paths, { ...options, noEmit: true });
    const found = [...errors, ...ts.getPreEmitDiagnostics(program)];
    expect(found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).to.deep.equal(
      [],
    );
  });

  it('keeps its plugins within 30 lines', () => {
    const long = ['word-count.ts', 'ratio.ts', 'share.ts', 'discount.ts'].filter(
      (name) => filesOf(page).get(name)!.split('\n').length > 31,
    );
    expect(long).to.deep.equal([]);
  });
});

describe('docs/writing-an-adapter.md', () => {
  it('lists what vivace/kit has, and nothing else', () => {
    const section = readText('docs/writing-an-adapter.md').split('## What `vivace/kit` has')[1]!;
    const rows = section.split('\n## ')[0]!.matchAll(/^\| [^|]* \| (.*) \|$/gm);
    const listed = [...rows].flatMap(([, names]) => [...names!.matchAll(/`(\w+)`/g)].map(([, name]) => name));
    expect(listed.sort()).to.deep.equal(Object.keys(kit).sort());
  });
});

describe('docs/testing.md', () => {
  it('lists every contract of vivace/testing, and no other', () => {
    const listed = [...readText('docs/testing.md').matchAll(/^\| `(\w+)` \| `(\w+Contract)`/gm)].map(
      ([, , name]) => name,
    );
    expect(listed.sort()).to.deep.equal(
      Object.keys(testing)
        .filter((name) => name.endsWith('Contract'))
        .sort(),
    );
  });
});
