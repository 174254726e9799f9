import { expect } from 'chai';
import { readText } from '../support/repository.js';
import { sourcesUnder } from '../support/sources.js';

const recursive = /\bmkdir(?:Sync)?\([^;]*recursive/;

describe('Directories', () => {
  it('are made by makeDirectory of vivace/kit: the recursive mkdir of Node may never end', () => {
    expect('await mkdir(dirname(path), { recursive: true });').to.match(recursive);
    const files = ['core', 'plugins', 'adapters'].flatMap(sourcesUnder);
    expect(files).to.include('adapters/filesystem/root.ts');
    const found = files.filter((file) => recursive.test(readText(file)));
    expect(found.filter((file) => !file.startsWith('core/testing/'))).to.deep.equal([]);
  });
});
