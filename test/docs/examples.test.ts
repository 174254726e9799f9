import { expect } from 'chai';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import ts from 'typescript';
import { compilerOptions, compileTexts } from '../support/compile-texts.js';
import { blocksOf, readText, repositoryFiles, root } from '../support/repository.js';

interface Example {
  /** What the doc comment is of. */
  readonly name: string;
  readonly text: string;
}

/** The functions that everybody begins with: their comments must show how. */
const entryPoints = ['createServer', 'defineAdapter', 'definePlugin', 'defineStep', 'defineVerb'];

const examples = repositoryFiles()
  .filter((path) => /^core\/.*\.ts$/.test(path))
  .flatMap((path) => examplesOf(path, readText(path)));

describe('Examples in doc comments', () => {
  it('are there for every entry point', () => {
    expect(examples.map(({ name }) => name)).to.include.members(entryPoints);
  });

  it('compile', () => {
    const texts = new Map(examples.map(({ name, text }) => [join(root, `example-${name}.ts`), text]));
    const mistakes = compileTexts(texts).map(({ file, line, message }) => `${file}:${line + 1}: ${message}`);
    expect(mistakes).to.deep.equal([]);
  });

  for (const { name, text } of examples) {
    it(`of ${name} prints what its comments say`, async () => {
      const expected = [...text.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, said]) => said);
      expect(expected).to.have.length.above(0);
      expect(await printed(name, text)).to.deep.equal(expected);
    });
  }
});

describe('The check of examples', () => {
  it('finds an example, and the name that it is of', () => {
    const text = '/**\n * A.\n *\n * @example\n * ```ts\n * b();\n * ```\n */\nexport function b() {}\n';
    expect(examplesOf('x.ts', text)).to.deep.equal([{ name: 'b', text: 'b();\n' }]);
  });

  it('sees what an example prints, and puts the console back', async () => {
    const { log } = console;
    expect(await printed('check', 'console.log([1], "a");\nexport {};\n')).to.deep.equal(['[ 1 ] a']);
    expect(console.log).to.equal(log);
  });
});

function examplesOf(path: string, text: string): Example[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  return source.statements.flatMap((statement) => {
    const name =
      ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)
        ? statement.name?.text
        : undefined;
    return ts.getJSDocTags(statement).flatMap((tag) => {
      if (tag.tagName.text !== 'example') return [];
      const blocks = blocksOf(`${ts.getTextOfJSDocComment(tag.comment) ?? ''}\n`);
      if (name === undefined || blocks.length !== 1)
        throw new Error(`${path}: an example is one block, of a function or a class`);
      return [{ name, text: blocks[0]!.text }];
    });
  });
}

/** Runs an example within the package, so that `vivace` is this one, and gives the lines that it prints. */
async function printed(name: string, text: string): Promise<string[]> {
  const folder = join(root, 'dist/docs/examples');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.js`);
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { ...compilerOptions(), module: ts.ModuleKind.ESNext },
    fileName: `${name}.ts`,
  });
  writeFileSync(file, outputText);
  const lines: string[] = [];
  const { log } = console;
  console.log = (...values: unknown[]) =>
    void lines.push(values.map((value) => (typeof value === 'string' ? value : inspect(value))).join(' '));
  try {
    await import(pathToFileURL(file).href);
  } finally {
    console.log = log;
  }
  return lines;
}
