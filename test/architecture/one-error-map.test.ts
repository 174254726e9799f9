import { expect } from 'chai';
import { readText, repositoryFiles } from '../support/repository.js';

describe('What zod says', () => {
  it('becomes words in one place, core/config/parse.ts', () => {
    const others = repositoryFiles().filter(
      (file) =>
        /^(core|plugins|adapters)\/.*\.ts$/.test(file) &&
        file !== 'core/config/parse.ts' &&
        /\.safeParse(Async)?\(/.test(readText(file)),
    );
    expect(others, 'use parseWith, or parseValue').to.deep.equal([]);
  });
});
