import { expect } from 'chai';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { readText } from '../support/repository.js';

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

describe('vivace --help', () => {
  it('loads the command line and commander, and nothing of what commands need', () => {
    const loaded = [...loadedFrom('adapters/command-line/main.ts')].filter(
      (name) => !name.startsWith('node:'),
    );
    expect(loaded.filter((name) => !name.startsWith('adapters/command-line/'))).to.deep.equal(['commander']);
    expect(loaded.length).to.be.below(8);
  });

  it('is scanned by a test that sees what a command loads', () => {
    expect([...loadedFrom('adapters/command-line/commands/check.ts')]).to.include('vivace');
  });
});
