import { expect } from 'chai';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { checkYaml } from '../support/check-yaml.js';
import { compileTexts } from '../support/compile-texts.js';
import { blocksOf, readText, repositoryFiles, root, type Block } from '../support/repository.js';

type Placed = Block & { readonly page: string };

const pages = repositoryFiles().filter((path) => /^(README|docs\/.*|examples\/.*)\.md$/.test(path));
const blocks: Placed[] = pages.flatMap((page) =>
  blocksOf(readText(page)).map((block) => ({ ...block, page })),
);
const typescript = blocks.filter(({ language }) => language === 'ts' || language === 'typescript');
const yaml = blocks.filter(({ language }) => language === 'yaml' || language === 'yml');

describe('Documentation', () => {
  it('has no TypeScript block that does not compile', () => {
    const texts = new Map(typescript.map((block) => [pathOf(block), `${block.text}\nexport {};\n`]));
    const mistakes = compileTexts(texts).map(({ file, line, message }) => {
      const block = typescript.find((candidate) => pathOf(candidate) === file)!;
      return `${block.page}:${block.line + line}: ${message}`;
    });
    expect(mistakes).to.deep.equal([]);
  });

  it('has no block of another spelling: `ts` and `yaml`', () => {
    const odd = blocks.filter(({ language }) => ['typescript', 'yml', 'tsx', 'YAML'].includes(language));
    expect(odd.map(({ page, line }) => `${page}:${line}`)).to.deep.equal([]);
  });

  for (const { page, line, text } of yaml) {
    it(`${page}:${line} is valid YAML${isConfiguration(text) ? ' and a valid configuration' : ''}`, async () => {
      expect(parseDocument(text).errors.map((error) => error.message)).to.deep.equal([]);
      if (isConfiguration(text)) expect(await checkYaml(text)).to.deep.equal([]);
    });
  }
});

describe('The check of documentation', () => {
  const compile = (text: string): number =>
    compileTexts(new Map([[join(root, 'check-of-docs.ts'), text]])).length;

  it('finds a name that vivace does not export', () => {
    expect(compile(`import { nothing } from 'vivace';`)).to.equal(1);
  });

  it('finds a wrong type', () => {
    expect(compile(`import { columnOf } from 'vivace';\ncolumnOf('int32', []);`)).to.equal(1);
  });

  it('takes code that is right', () => {
    expect(
      compile(`import { columnOf, parseType } from 'vivace';\ncolumnOf(parseType('int32'), [1]);`),
    ).to.equal(0);
  });

  const wrong: [string, string][] = [
    ['an unknown part', 'parts:\n  hot: { use: nowhere }\n'],
    ['an unknown option', 'parts:\n  hot: { use: memory, size: 3 }\n'],
    ['a wrong view', 'views:\n  v: { store: s, entity: { a: string }, features: { f: { type: int31 } } }\n'],
    ['a wrong pipeline', 'parts: {}\npipelines:\n  p: { request: 5 }\n'],
    ['an unknown block', 'parts: {}\nviewz: {}\n'],
  ];
  for (const [what, text] of wrong) {
    it(`finds ${what}`, async () => expect(await checkYaml(text)).to.have.length.above(0));
  }
});

function isConfiguration(text: string): boolean {
  return /^(parts|views|pipelines):/m.test(text);
}

/** A block that names its file stands in a folder with the others of its page, so that one may import another. */
function pathOf({ page, line, words: [name] }: Placed): string {
  return join(root, page.replaceAll('/', '-'), name ?? `line-${line}.ts`);
}
