import { expect } from 'chai';
import fc from 'fast-check';
import { parseExact } from 'vivace/wire';
import { fuzzRuns } from '../support/fuzz-runs.js';

describe('parseExact', () => {
  const exact = (text: string): unknown => parseExact(Buffer.from(text));

  it('reads what JSON.parse reads, but for integers of 16 digits and more', () => {
    const text = ' {"a" : [1, -2.5e3 ,"x\\"\\\\" , true,false,null,{}, [ ] ],"b\\u0041":"\\\\","":""}\n';
    expect(exact(text)).to.deep.equal(JSON.parse(text));
    expect(exact('\ufeff[9007199254740993,-9007199254740993 ,123456789012345]')).to.deep.equal([
      '9007199254740993',
      '-9007199254740993',
      123456789012345,
    ]);
    const floats = '[9007199254740993.0,9007199254740993e0,1.9007199254740993,1e-1,1E+2]';
    expect(exact(floats)).to.deep.equal(JSON.parse(floats));
  });

  it('leaves texts as they are, whatever JSON holds', () => {
    const strings = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('9007199254740993', '\\', '"', '\\"1234567890123456'),
    );
    const value = fc.jsonValue({ maxDepth: 4 });
    const property = fc.property(fc.array(fc.tuple(strings, value)), (given) => {
      // −0 and floats of many digits have a fraction or an exponent, or are written as they are read.
      const text = JSON.stringify(given, (_key, each: unknown) =>
        typeof each === 'number' && Math.abs(each) >= 1e15 ? 0 : each,
      );
      expect(exact(text), text).to.deep.equal(JSON.parse(text));
    });
    fc.assert(property, { numRuns: fuzzRuns(200) });
  });
});
