import { expect } from 'chai';
import { isMadeFor, isVersionRange } from '../../core/parts/made-for.js';

describe('A range of versions', () => {
  for (const [range, admitted, refused] of [
    ['^0.1', ['0.1.0', '0.1.9', '0.1.0-rc.1'], ['0.0.9', '0.2.0', '1.0.0']],
    ['^0.1.2', ['0.1.2', '0.1.3'], ['0.1.1', '0.2.0']],
    ['^1', ['1.0.0', '1.9.9'], ['0.9.9', '2.0.0']],
    ['^1.4', ['1.4.0', '1.5.0'], ['1.3.9', '2.4.0']],
    ['>=0.2', ['0.2.0', '0.3.1', '1.0.0'], ['0.1.9']],
  ] as const) {
    it(`${range} admits ${admitted.join(', ')} and refuses ${refused.join(', ')}`, () => {
      expect(admitted.filter((version) => !isMadeFor(range, version))).to.deep.equal([]);
      expect(refused.filter((version) => isMadeFor(range, version))).to.deep.equal([]);
    });
  }

  it('is a caret or `>=` with one to three numbers', () => {
    const texts = ['^1', '>=1.2.3', '1.2.3', '~1', '>= 1', '^1.2.3.4', 'latest'];
    expect(texts.filter(isVersionRange)).to.deep.equal(['^1', '>=1.2.3']);
  });
});
