import { expect } from 'chai';
import { cellAt, columnOf, concat, gather, parseType, type Cell } from 'vivace';
import { ColumnAppender } from '../../core/data/column-appender.js';

describe('Rows of columns that are put together', () => {
  const columns: [string, Cell[]][] = [
    ['float64', [1, null, 3]],
    ['int64', [1n, 2n, null]],
    ['string', ['a', null, 'c']],
    ['float32[2]', [[1, 2], null, [5, 6]]],
    ['list<int32>', [[1], null, [2, 3]]],
    ['bytes', [Uint8Array.of(1), null, Uint8Array.of(2)]],
  ];
  for (const [type, cells] of columns) {
    it(`gathers rows of ${type}, in any order and more than once`, () => {
      const rows = Uint32Array.of(2, 0, 1, 2);
      const gathered = gather(columnOf(parseType(type), cells), rows);
      expect(gathered.rows).to.equal(4);
      expect([...rows].map((_, i) => cellAt(gathered, i))).to.deep.equal([...rows].map((row) => cells[row]));
    });
  }

  for (const [type, cells] of columns) {
    it(`joins columns of ${type}`, () => {
      const column = columnOf(parseType(type), cells);
      const joined = concat([column, gather(column, Uint32Array.of(1, 0)), column]);
      const all = Array.from({ length: joined.rows }, (_, i) => cellAt(joined, i));
      expect(all).to.deep.equal([...cells, cells[1], cells[0], ...cells]);
    });
  }

  it('joins the first rows of those that were appended', () => {
    for (const type of ['float64', 'list<string>'] as const) {
      const cells = type === 'float64' ? [1, null, 3] : [['a'], null, ['b', 'c']];
      const appender = new ColumnAppender(parseType(type), 10);
      appender.append(columnOf(parseType(type), cells));
      appender.append(columnOf(parseType(type), cells));
      const column = appender.finish(4);
      expect(column.rows).to.equal(4);
      expect(Array.from({ length: 4 }, (_, i) => cellAt(column, i))).to.deep.equal([...cells, cells[0]]);
    }
  });

  it('takes rows back, and begins anew', () => {
    for (const type of ['float64', 'list<string>', 'string'] as const) {
      const cells = {
        float64: [1, null, 3],
        'list<string>': [['a'], null, ['b', 'c']],
        string: ['a', null, 'c'],
      }[type];
      const appender = new ColumnAppender(parseType(type), 10);
      const all = (): Cell[] => {
        const column = appender.finish();
        return Array.from({ length: column.rows }, (_, i) => cellAt(column, i));
      };
      appender.append(columnOf(parseType(type), cells));
      appender.append(columnOf(parseType(type), [...cells].reverse()));
      appender.truncate(4);
      expect(all()).to.deep.equal([...cells, cells[2]]);
      appender.append(columnOf(parseType(type), cells));
      expect(all()).to.deep.equal([...cells, cells[2], ...cells]);
      appender.reset();
      appender.append(columnOf(parseType(type), [cells[2]!]));
      expect(all()).to.deep.equal([cells[2]]);
    }
  });

  it('gathers nothing', () => {
    expect(gather(columnOf(parseType('string'), ['a']), new Uint32Array(0)).rows).to.equal(0);
  });
});
