import { expect } from 'chai';
import { cellAt, columnOf, parseType, type Cell } from 'vivace';
import { castColumn } from '../../core/offline/cast-column.js';

describe('castColumn', () => {
  const cast = (from: string, to: string, cells: readonly Cell[]): Cell[] => {
    const column = castColumn(columnOf(parseType(from), cells), parseType(to), 'x');
    return Array.from({ length: column.rows }, (_, row) => cellAt(column, row));
  };

  it('takes numbers into types that hold them, and nulls', () => {
    expect(cast('int64', 'int32', [5n, null])).to.deep.equal([5, null]);
    expect(cast('int64', 'float64', [9007199254740992n])).to.deep.equal([9007199254740992]);
    expect(cast('float64', 'int64', [-3])).to.deep.equal([-3n]);
    expect(cast('float64', 'float32', [0.1, NaN, Infinity])).to.deep.equal([Math.fround(0.1), NaN, Infinity]);
  });

  for (const [from, to, cell] of [
    ['int64', 'int32', 2147483648n],
    ['int64', 'float64', 9007199254740993n],
    ['float64', 'int32', 0.5],
    ['float64', 'int32', NaN],
    ['float64', 'int64', 0.5],
    ['float64', 'int64', 1e300],
    ['float64', 'int64', 2 ** 63],
    ['float64', 'float32', 1e300],
    ['string', 'int32', '5'],
    ['int32', 'string', 5],
    ['int32', 'timestamp', 5],
    ['bool', 'int32', true],
    ['float32[2]', 'float32', [1, 2]],
  ] as const) {
    it(`refuses ${String(cell)} of ${from} for ${to}`, () => {
      expect(() => cast(from, to, [cell]))
        .to.throw('spine: ')
        .with.property('path', 'spine.x');
    });
  }
});
