import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { columnOf, parseType, SharedWork, textKey, TextKeys, type Column } from 'vivace';
import { encodeRowKeys } from 'vivace/wire';
import { distinctRows } from '../../core/steps/fetch/distinct-rows.js';

const text = parseType('string');
const texts = (...cells: (string | null)[]): Column => columnOf(text, cells);
/** The same, without a look at each text. */
const long = (rows: number, cell: (row: number) => string): Column => ({
  type: text,
  rows,
  values: Array.from({ length: rows }, (_, row) => cell(row)),
});

describe('Text keys', () => {
  it('are the text itself up to 4,096 UTF-16 units, and never longer', () => {
    const longest = 'k'.repeat(4096);
    expect(textKey(longest)).to.equal(longest);
    expect(textKey(`${longest}k`)).to.have.length(44);
  });

  it('differ where texts differ, however they are written', () => {
    const long = 'x'.repeat(5000);
    const different = [
      '',
      'a',
      long,
      `${long}x`,
      `${'x'.repeat(4999)}y`,
      // Lone surrogates, which UTF-8 cannot tell apart.
      `${long}\ud800`,
      `${long}\ud801`,
      // A text that looks like the key of another.
      textKey(long),
      textKey(textKey(long)),
      '\0',
    ];
    expect(new Set(different.map(textKey)).size).to.equal(different.length);
  });

  it('are the same for equal texts, one after the other or not', () => {
    const keys = new TextKeys();
    const [a, b] = ['a'.repeat(20_000), 'b'.repeat(20_000)];
    expect([a, a, b, 'c', a].map((each) => keys.of(each))).to.deep.equal([a, a, b, 'c', a].map(textKey));
  });

  it('let work in flight be shared by long keys', async () => {
    const work = new SharedWork<number>();
    const keys = Array.from({ length: 2000 }, (_, i) => `${'k'.repeat(17_000)}${String(i).padStart(4, '0')}`);
    const context = { signal: new AbortController().signal };
    const loads: number[] = [];
    const load = async (asked: readonly string[]): Promise<number[]> => {
      loads.push(asked.length);
      return asked.map((key) => Number(key.slice(-4)));
    };
    const [first, second] = await Promise.all([work.get(keys, load, context), work.get(keys, load, context)]);
    expect([first[1999], second[1999], loads]).to.deep.equal([1999, 1999, [2000]]);
  });
});

describe('Distinct rows', () => {
  const merged = (
    columns: readonly Column[],
    limited?: { columns: readonly Column[]; maxLength: number },
  ) => {
    const found = distinctRows(columns, columns[0]!.rows, { merge: true, ...(limited && { limited }) });
    return found && { ...found, first: [...found.first], rowOf: [...found.rowOf] };
  };

  it('are the distinct combinations of all parts, in order', () => {
    const columns = [
      texts('a', 'a', 'b', 'a', 'b', 'ab', 'a'),
      texts('x', 'y', 'x', 'x', 'x', '', 'bx'),
      columnOf(parseType('int64'), [1n, 1n, 1n, 1n, 1n, 1n, 1n]),
    ];
    expect(merged(columns)).to.deep.equal({ first: [0, 1, 2, 5, 6], rowOf: [0, 1, 2, 0, 2, 3, 4] });
  });

  it('are told apart by the first part only where the others are alike', () => {
    const columns = [columnOf(parseType('bool'), [true, false, true]), texts('x', 'x', 'x')];
    expect(merged(columns)).to.deep.equal({ first: [0, 1], rowOf: [0, 1, 0] });
  });

  it('are all rows where all differ', () => {
    expect(merged([texts('a', 'a', 'b'), texts('x', 'y', 'x')])).to.equal(undefined);
  });

  it('leave out keys with a null and keys that are too long', () => {
    const keys = texts('a', 'toolong', null, 'a');
    expect(merged([keys, texts('x', 'x', 'x', 'x')], { columns: [keys], maxLength: 3 })).to.deep.equal({
      first: [0],
      rowOf: [0, 2, 1, 0],
      nullRow: 1,
      longRow: 2,
    });
    expect(distinctRows([keys], 4, { merge: false, limited: { columns: [keys], maxLength: 3 } })).to.include({
      nullRow: 2,
      longRow: 3,
    });
  });

  // Texts of one length above 16,383 units share a hash: one Map of them takes minutes.
  it('are found among thousands of long texts that share their length', () => {
    const rows = 4000;
    const origin = 'o'.repeat(17_000);
    const columns = [
      long(rows, () => origin),
      long(rows, (row) => `${'d'.repeat(17_000)}${1000 + (row % 2000)}`),
    ];
    const found = merged(columns)!;
    expect([found.first.length, found.rowOf[3999]]).to.deep.equal([2000, 1999]);
    expect(merged([columns[1]!])!.first).to.have.length(2000);
  });
});

describe('Row keys of long values', () => {
  /** As docs/row-format.md says, without any sharing. */
  const byHand = (parts: readonly string[]): string => {
    const key = `view:${parts.map(encodeURIComponent).join('/')}`;
    const rest = createHash('sha256').update(key.slice(135)).digest('hex');
    return key.length > 200 ? `${key.slice(0, 135)}#${rest}` : key;
  };
  const origin = 'ż'.repeat(17_000);
  const mixed = ['a', 'b'.repeat(65), 'c'.repeat(130), 'd'.repeat(300), origin, `${origin}e`];

  it('are those of the row format wherever the long part stands', () => {
    const combinations = mixed.flatMap((a) => mixed.flatMap((b) => mixed.map((c) => [a, b, c])));
    for (const parts of [1, 2, 3]) {
      const columns = Array.from({ length: parts }, (_, i) => texts(...combinations.map((each) => each[i]!)));
      const keys = encodeRowKeys('view', columns, combinations.length);
      expect(keys).to.deep.equal(combinations.map((each) => byHand(each.slice(0, parts))));
    }
  });

  it('encode one long origin of two thousand routes once', () => {
    const rows = 2000;
    const veryLong = origin.repeat(20);
    const origins = long(rows, () => veryLong);
    const destinations = long(rows, (row) => `d${row}`);
    // 2 MB of key: encoding it for each route would be 4 GB.
    for (const columns of [
      [origins, destinations],
      [destinations, origins],
    ])
      expect(new Set(encodeRowKeys('view', columns, rows)).size).to.equal(rows);
  });
});
