import { expect } from 'chai';
import { readText, repositoryFiles } from '../support/repository.js';
import { compileFiles } from '../support/compile-texts.js';

const files = repositoryFiles().filter((path) => /^test\/types\/.*\.ts$/.test(path));

describe('Types', () => {
  it('are refused where test/types expects it, and only there', () => {
    const mistakes = compileFiles(files).map(({ file, line, message }) => `${file}:${line + 1}: ${message}`);
    expect(mistakes).to.deep.equal([]);
  });

  it('are expected to be refused somewhere', () => {
    const expected = files.flatMap((file) => readText(file).match(/@ts-expect-error \w/g) ?? []);
    expect(expected).to.have.length.above(15);
  });
});
