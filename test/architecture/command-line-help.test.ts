import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';
import { commands } from '../../adapters/command-line/commands.js';
import { readText, root } from '../support/repository.js';
import { sourcesUnder } from '../support/sources.js';

/** The modules that are loaded before a command is known: what a file imports, and what those files import. */
function loadedFrom(file: string, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(file)) return found;
  found.add(file);
  const source = ts.createSourceFile(file, readText(file), ts.ScriptTarget.Latest, true);
  for (const statement of source.statements) {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue;
    const isType = ts.isImportDeclaration(statement)
      ? statement.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
      : statement.isTypeOnly;
    if (isType || statement.moduleSpecifier === undefined) continue;
    const specifier = (statement.moduleSpecifier as ts.StringLiteral).text;
    if (specifier.startsWith('.')) loadedFrom(join(dirname(file), specifier).replace(/\.js$/, '.ts'), found);
    else found.add(specifier);
  }
  return found;
}

/** Writes the URL of each module that a process loads to its standard error. */
const tellLoads = `import { register } from 'node:module';
register('data:text/javascript,' + encodeURIComponent(\`
  export async function load(url, context, next) { process._rawDebug('loads ' + url); return next(url, context); }
\`));`;

/** What a command loads when it is run, without what belongs to Node. */
async function loadedBy(...command: readonly string[]): Promise<readonly string[]> {
  const { stderr } = await promisify(execFile)(process.execPath, [
    '--import',
    `data:text/javascript,${encodeURIComponent(tellLoads)}`,
    join(root, 'dist/adapters/command-line/main.js'),
    ...command,
  ]);
  return [...stderr.matchAll(/^loads (.*)$/gm)]
    .map(([, url]) => url!)
    .filter((url) => url.startsWith('file:'));
}

describe('vivace --help', () => {
  it('imports the command line and commander, and nothing of what commands need', () => {
    const loaded = [...loadedFrom('adapters/command-line/main.ts')].filter(
      (name) => !name.startsWith('node:'),
    );
    expect(loaded.filter((name) => !name.startsWith('adapters/command-line/'))).to.deep.equal(['commander']);
    expect(loaded.length).to.be.below(8);
  });

  for (const file of sourcesUnder('adapters/command-line/commands')) {
    it(`of a command imports no more: ${file}`, () => {
      const loaded = [...loadedFrom(file)];
      expect(loaded.filter((name) => !name.startsWith('adapters/command-line/'))).to.deep.equal([]);
      expect(loaded.length).to.be.below(4);
    });
  }

  for (const { name } of commands) {
    it(`of ${name} loads neither core nor what the command does`, async () => {
      const loaded = await loadedBy(name, '--help');
      const own = loaded.filter((url) => !url.includes('/node_modules/'));
      expect(own.some((url) => url.endsWith(`/commands/${name}.js`))).to.equal(true);
      expect(own.filter((url) => !/\/dist\/adapters\/command-line\/(?!actions\/)/.test(url))).to.deep.equal(
        [],
      );
      expect(loaded.filter((url) => /\/node_modules\/(?!commander\/)/.test(url))).to.deep.equal([]);
    });
  }

  it('is scanned by tests that see what a command loads', async () => {
    expect([...loadedFrom('adapters/command-line/actions/check.ts')]).to.include('vivace');
    const loaded = await loadedBy('schema', 'spine');
    expect(loaded.some((url) => url.endsWith('/dist/core/index.js'))).to.equal(true);
  });
});
