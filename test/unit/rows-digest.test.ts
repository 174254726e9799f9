import { expect } from 'chai';
import { columnOf, parseType, type Cell } from 'vivace';
import { RowsDigest } from '../../core/offline/digest.js';

describe('RowsDigest', () => {
  const columns: Record<string, readonly Cell[]> = {
    float64: [1, null, NaN, -0, 5],
    string: ['a', 'bc', '', null, 'd'],
    bool: [true, false, null, true, false],
    'float32[2]': [[1, 2], null, [3, 4], [5, 6], [7, 8]],
    'list<int64>': [[1n, 2n], [], [3n], null, [4n, 5n, 6n]],
    'list<string>': [['a', 'b'], ['ab'], [], [''], null],
  };
  const fields = Object.keys(columns).map((type, i) => ({ name: `c${i}`, type: parseType(type) }));
  function digest(
    cuts: readonly number[],
    change: (type: string, cells: readonly Cell[]) => readonly Cell[] = (_, cells) => cells,
  ): string {
    const rows = new RowsDigest(fields);
    [0, ...cuts].forEach((from, i) => {
      rows.add(
        fields.map(({ type }) => columnOf(type, change(type.name, columns[type.name]!).slice(from, cuts[i]))),
      );
    });
    return rows.finish();
  }

  it('does not depend on how rows are cut into blocks', () => {
    const whole = digest([]);
    for (const cuts of [[1], [2, 3], [1, 2, 3, 4], [0, 5]])
      expect(digest(cuts), String(cuts)).to.equal(whole);
  });

  it('changes with every cell, and with where a text or a list ends', () => {
    const whole = digest([]);
    const seen = new Set([whole]);
    for (const type of Object.keys(columns)) {
      for (let row = 0; row < 5; row++) {
        const other = row === 0 ? columns[type]![4]! : columns[type]![row - 1]!;
        seen.add(digest([], (name, cells) => (name === type ? cells.with(row, other) : cells)));
      }
    }
    expect(seen.size).to.equal(1 + 5 * Object.keys(columns).length);
    expect(
      digest([], (name, cells) => (name === 'string' ? ['ab', 'c', '', null, 'd'] : cells)),
    ).not.to.equal(whole);
    expect(
      digest([], (name, cells) => (name === 'list<int64>' ? [[1n], [2n], [3n], null, [4n, 5n, 6n]] : cells)),
    ).not.to.equal(whole);
  });
});
