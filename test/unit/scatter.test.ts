import { expect } from 'chai';
import { cellAt, columnOf, parseType, type Cell } from 'vivace';
import { status } from '../../core/data/status.js';
import { scatter } from '../../core/pipeline/inputs.js';

describe('scatter', () => {
  const cases: readonly (readonly [type: string, a: Cell, b: Cell, inPlaceOfNull: unknown])[] = [
    ['float64', 1.5, 2.5, NaN],
    ['float32[2]', [1, 2], [3, 4], NaN],
    ['int32', 1, 2, 0],
    ['string', 'a', 'b', ''],
  ];
  for (const [type, a, b, inPlaceOfNull] of cases) {
    it(`puts ${type} values in their places, and what stands for a null in the others`, () => {
      const placed = scatter(columnOf(parseType(type), [a, b]), Uint32Array.of(0, 2), 3);
      expect([0, 1, 2].map((row) => cellAt(placed, row))).to.deep.equal([a, null, b]);
      expect(placed.values[placed.type.width]).to.deep.equal(inPlaceOfNull);
      expect([...placed.status!]).to.deep.equal([status.PRESENT, status.SKIPPED, status.PRESENT]);
    });
  }
});
