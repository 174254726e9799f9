import { expect } from 'chai';
import { readCsvHeader } from '../../adapters/duckdb/csv-header.js';

describe('The header of a CSV file', () => {
  for (const [line, delimiter, names] of [
    ['a,b', ',', ['a', 'b']],
    ['only', ',', ['only']],
    ['a;b,c;d', ';', ['a', 'b,c', 'd']],
    ['"a,b,c";d', ';', ['a,b,c', 'd']],
    ['"say ""x""", b ,"c"', ',', ['say "x"', 'b', 'c']],
    ['a|b', '|', ['a', 'b']],
    ['a\tb', '\t', ['a', 'b']],
    ['a,,Column1,', ',', ['a', 'column1_1', 'Column1', 'column3']],
    ['a,A,a', ',', ['a', 'A', 'a']],
  ] as const) {
    it(`has the names of ${JSON.stringify(line)}`, () => {
      expect(readCsvHeader(line, false)).to.deep.equal({ delimiter, names });
    });
  }

  it('of a .tsv file is divided by tabs, whatever stands in its names', () => {
    expect(readCsvHeader('a,b\tc,d,e', true)).to.deep.equal({ delimiter: '\t', names: ['a,b', 'c,d,e'] });
  });
});
