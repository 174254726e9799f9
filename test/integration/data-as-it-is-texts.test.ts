import { expect } from 'chai';
import { type Cell, type FeatureView } from 'vivace';
import { callContext } from 'vivace/testing';
import { view } from '../../core/testing/view.js';
import { dataAsItIs, micros } from '../support/data-as-it-is.js';

describe('Data comes in as it is', () => {
  const data = dataAsItIs();
  const { file, parquet, read, mistakes } = data;

  const texts = ['1.10', '1e5', '100.50', 'True', '2024-1-5', '007', '10:30:00', '2024-01-05T10:00:00', ' x ', 'NaN',
    '550E8400-E29B-41D4-A716-446655440000', '12345678901234567890', '12345678901234567891', '0x10', '1_000']; // prettier-ignore

  describe('text', () => {
    const keyed = (table: string): FeatureView =>
      view({ entity: { k: 'string' }, source: { table }, features: { v: { type: 'string' } } });

    it('declared of a CSV file is text, keys and features alike', async () => {
      const table = file('texts.csv', `k,v\n${texts.map((text) => `${text},${text}`).join('\n')}\n`);
      expect(await read(keyed(table), texts)).to.deep.equal(texts.map((text) => [text]));
    });

    it('declared of a JSON file is text, and numbers keep every digit', async () => {
      const lines = texts.map((text) => JSON.stringify({ k: text, v: text }));
      const table = file('texts.json', `${lines.join('\n')}\n{"k": 98765432109876543210, "v": true}\n`);
      const expected = [...texts.map((text) => [text]), ['true']];
      expect(await read(keyed(table), [...texts, '98765432109876543210'])).to.deep.equal(expected);
    });

    it('declared of folders that are partitions is text', async () => {
      file('parts/k=01/a.csv', 'v\n1.10\n');
      file('parts/k=1e5/a.csv', 'v\n2.20\n');
      expect(await read(keyed('parts/*/a.csv'), ['01', '1e5', '1'])).to.deep.equal([
        ['1.10'],
        ['2.20'],
        undefined,
      ]);
      await parquet('lots/day=007/a.parquet', "SELECT 'x' AS v").catch(() => undefined);
      const byDay = view({
        entity: { day: 'string' },
        source: { table: 'lots/*/*.parquet' },
        features: { v: { type: 'string' } },
      });
      expect(await read(byDay, ['007', '7'])).to.deep.equal([['x'], undefined]);
    });

    it('stands in quotes, in several lines, after other delimiters and in compressed files', async () => {
      const quoted = keyed(file('quoted.csv', '"k","v"\r\n"a ""b"", c","two\nlines"\r\n#d,#\r\n'));
      expect(await read(quoted, ['a "b", c', '#d'])).to.deep.equal([['two\nlines'], ['#']]);
      for (const [name, delimiter] of [
        ['semicolons.csv', ';'],
        ['bars.csv', '|'],
        ['tabs.tsv', '\t'],
      ] as const) {
        const lines = [['k', 'v'], ['1,5', '2,50']].map((fields) => fields.join(delimiter)); // prettier-ignore
        expect(await read(keyed(file(name, `\uFEFF${lines.join('\n')}`)), ['1,5'])).to.deep.equal([['2,50']]);
      }
      expect(await read(keyed(file('single.tsv', 'k\tv,w\n1\t5\n')), ['1']).catch(() => 'gone')).to.equal(
        'gone',
      );
    });

    it('after the rows of a sample is text all the same', async () => {
      const rows = Array.from({ length: 30_000 }, (_, i) => `${i},${i},${i}`);
      const table = file('late.csv', `k,v,label\n${rows.join('\n')}\nzz,1.5,n/a\n`);
      expect(await read(keyed(table), ['7', 'zz'])).to.deep.equal([['7'], ['1.5']]);
      const late = await data.lake.source(table, [{ name: 'label' }, { name: 'v' }], callContext());
      const types = late.columns.map(({ name, type }) => `${name} ${type?.name}`);
      expect(types).to.deep.equal(['k string', 'v float64', 'label string']);
    });

    it('without a declaration gets the type of all its values, and what a float64 would round is text', async () => {
      const table = file(
        'types.csv',
        `int,float,bool,when,id,code,mixed,none\n1,1.5,true,2024-01-05,12345678901234567890,007,1,\n-2,1e3,FALSE,2024-01-06T00:00:00+02:00,1,8,x,\n`,
      );
      const names = ['int', 'float', 'bool', 'when', 'id', 'code', 'mixed', 'none'];
      const source = await data.lake.source(table, names.map((name) => ({ name })), callContext()); // prettier-ignore
      expect(source.columns.map(({ type }) => type?.name)).to.deep.equal(
        ['int64', 'float64', 'bool', 'timestamp', 'string', 'string', 'string', 'float64'],
      ); // prettier-ignore
      const json = file('types.json', '[{"id": 12345678901234567890, "x": 1.5}, {"id": 1, "y": {"z": 1}}]');
      const records = await data.lake.source(json, [{ name: 'id' }, { name: 'x' }], callContext());
      expect(records.columns.map(({ name, type }) => [name, type?.name])).to.deep.equal([
        ['id', 'string'],
        ['x', 'float64'],
        ['y', undefined],
      ]);
    });

    it('of numbers, truth values, times and vectors becomes what it says, and is rounded as numbers are', async () => {
      const spec = {
        entity: { k: 'int64' },
        features: {
          n: { type: 'int32' },
          big: { type: 'int64' },
          f: { type: 'float32' },
          b: { type: 'bool' },
          t: { type: 'timestamp' },
          v: { type: 'float32[2]' },
          l: { type: 'list<int64>' },
        },
      };
      const cells = [
        2.5,
        '9007199254740993',
        '0.1',
        'true',
        '2024-01-05T12:00:00+02:00',
        '"[1, 2.5]"',
        '"[1, 2]"',
      ];
      const csv = file('numbers.csv', `k,n,big,f,b,t,v,l\n9007199254740993,${cells.join(',')}\n`);
      const json = file(
        'numbers.json',
        '{"k": 9007199254740993, "n": 2.5, "big": 9007199254740993, "f": 0.1, "b": true, "t": "2024-01-05 10:00:00", "v": [1, 2.5], "l": [1, 2]}',
      );
      const expected = [3, 9_007_199_254_740_993n, Math.fround(0.1), true, micros('2024-01-05T10:00:00Z'), [1, 2.5], [1n, 2n]]; // prettier-ignore
      for (const table of [csv, json])
        expect(await read(view({ ...spec, source: { table } }), [9_007_199_254_740_993n])).to.deep.equal([
          expected,
        ]);
    });

    it('of a file with a header only has no rows', async () => {
      const table = file('header.csv', 'k,v,n\n');
      const where = { v: { equals: 'paid' }, n: { min: 1 } };
      const of = view({
        entity: { k: 'string' },
        source: { table, where },
        features: { v: { type: 'string' } },
      });
      expect(await read(of, ['k'])).to.deep.equal([undefined]);
      expect(await mistakes(of)).to.deep.equal([]);
      const counted = view({
        entity: { k: 'string' },
        source: { table: file('header2.csv', 'k,at,n\n'), eventTime: 'at' },
        features: { mean: { aggregate: 'mean', of: 'n', windowDays: 1 } },
      });
      expect(await read(counted, ['k'])).to.deep.equal([undefined]);
    });

    it('is compared in `where` as it is declared', async () => {
      const table = file(
        'where.csv',
        'k,n,at,ok\n1.10,9,2024-01-05T00:00:00Z,true\n1.1,10,2024-01-06,false\n',
      );
      const count = async (where: object): Promise<Cell[]> => {
        const of = view({
          entity: { k: 'string' },
          source: { table, where },
          features: { n: { type: 'int32' }, at: { type: 'timestamp' } },
        });
        return (await read(of, ['1.10', '1.1'])).map((cells) => cells?.[0] ?? null);
      };
      expect(await count({ k: { equals: '1.10' } })).to.deep.equal([9, null]);
      expect(await count({ n: { min: 10 } })).to.deep.equal([null, 10]);
      expect(await count({ n: { max: 9.5 } })).to.deep.equal([9, null]);
      expect(await count({ ok: { equals: true } })).to.deep.equal([9, null]);
      expect(await count({ at: { equals: '2024-01-05' } })).to.deep.equal([9, null]);
    });
  });
});
