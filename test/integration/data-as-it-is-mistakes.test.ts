import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseType, type FeatureView } from 'vivace';
import { callContext } from 'vivace/testing';
import { view } from '../../core/testing/view.js';
import { dataAsItIs, failure } from '../support/data-as-it-is.js';

describe('Data comes in as it is', () => {
  const data = dataAsItIs();
  const { file, parquet, mistakes } = data;

  describe('mistakes of a file', () => {
    const of = (table: string, more: object = {}): FeatureView =>
      view({
        entity: { k: 'string' },
        source: { table, eventTime: 'at' },
        features: { n: { type: 'float64' } },
        ...more,
      });

    it('name the file, the line and what is there', async () => {
      const extra = file(
        'extra.csv',
        'k,at,n\na,2024-01-05,1\nb,2024-01-05,2\nc,2024-01-05,3,4\nd,2024-01-05,5\n',
      );
      expect(await mistakes(of(extra))).to.deep.equal([
        'source.table: lake: extra.csv, line 4: it has 4 fields, but the header names 3 columns',
      ]);
      const short = file('short.csv', 'k,at,n\na,2024-01-05,1\nb,2024-01-05\n');
      expect(await mistakes(of(short))).to.deep.equal([
        'source.table: lake: short.csv, line 3: it has 2 fields, but the header names 3 columns',
      ]);
      for (const work of [
        () => data.store.openAsOf([of(extra)], callContext()),
        () => data.store.materialize(of(extra), { untilMs: Date.now() }, callContext()),
      ])
        expect(await failure(work)).to.match(
          /view "v": lake: extra\.csv, line 4: it has 4 fields, but the header names 3 columns$/,
        );
    });

    it('say that a header is not one line', async () => {
      const of = (table: string): FeatureView =>
        view({ entity: { k: 'string' }, source: { table }, features: { v: { type: 'string' } } });
      expect(await mistakes(of(file('blank.csv', '\n\nk,v\na,1\n')))).to.deep.equal([
        'source.table: lake: blank.csv begins with an empty line: a CSV file begins with the names of its columns',
      ]);
      expect(await mistakes(of(file('broken.csv', '"x\ny",k,v\n1,a,2\n')))).to.deep.equal([
        'source.table: lake: broken.csv: a name in the header goes on in the next line: write it in one line',
      ]);
    });

    it('say where a quote opens that is not closed, and where text follows one that is', async () => {
      const shape = (table: string): FeatureView =>
        view({ entity: { k: 'string' }, source: { table }, features: { v: { type: 'string' } } });
      const advice = 'write the closing ", and a " inside a field twice';
      for (const [text, message] of [
        ['k,v\na,1\n"b,2\nc,3\n', `line 3: the quote before "b,2" is not closed: ${advice}`],
        ['k,v\na,1\nb,"2\nc,3\n', `line 3: the quote before "2" is not closed: ${advice}`],
        ['k,v\n"a\na","1\nc,3\n', `line 3: the quote before "1" is not closed: ${advice}`],
        ['k,v\n"say ""a""","1""\nc,3', `line 2: the quote before "1\\"\\"" is not closed: ${advice}`],
        [
          'k;v\na;"a long text, of which only what stands at its beginning is shown here;2\n',
          `line 2: the quote before "a long text, of which only what stands a…" is not closed: ${advice}`,
        ],
        ['k,v\na,1\nb,"2"x\nc,3\n', `line 3: "x" stands behind a closing quote: ${advice}`],
        ['k,v\n"6"" nail",1\n"6" nail",1\n', `line 3: " nail\\",1" stands behind a closing quote: ${advice}`],
      ] as const) {
        expect(await mistakes(shape(file('quotes.csv', text))), text).to.deep.equal([
          `source.table: lake: quotes.csv, ${message}`,
        ]);
      }
    });

    it('say that a quote is not closed in a large file, too, and in which line unless several threads read it', async () => {
      const many = (count: number): string =>
        Array.from({ length: count }, (_, i) => `k${i},${i}\n`).join('');
      const table = file('large-quote.csv', `k,v\n${many(700_000)}"b,2\n${many(400_000)}`);
      const shape = view({ entity: { k: 'string' }, source: { table }, features: { v: { type: 'string' } } });
      expect((await mistakes(shape))[0]).to.match(
        /^source\.table: lake: (?:large-quote\.csv, line 700002: (?:a|the) quote .* is not closed|a quote in a CSV file is not closed)/,
      );
    });

    it('say which column a header names twice', async () => {
      const advice = 'give each column a name of its own';
      for (const [header, message] of [
        ['k,at,n,k', `names the column "k" twice: ${advice}`],
        ['k,at,n, "K"', `names the columns "k" and "K", which differ in case only: ${advice}`],
        ['k,at,n,n,n', `names the column "n" 3 times: ${advice}`],
      ] as const) {
        const table = file('twice.csv', `${header}\na,2024-01-05,1,2${header.includes('n,n') ? ',3' : ''}\n`);
        expect(await mistakes(of(table)), header).to.deep.equal([
          `source.table: lake: twice.csv: its header ${message}`,
        ]);
      }
      file('twice/a.csv', 'k,at,n\na,2024-01-05,1\n');
      file('twice/b.csv', 'k,at,n,n\na,2024-01-05,1,1\n');
      expect((await mistakes(of('twice/*.csv')))[0]).to.match(
        /twice\/b\.csv: its header names the column "n" twice/,
      );
      // Columns without a name, as some programs write them for row numbers, are nobody's.
      expect(await mistakes(of(file('unnamed.csv', ',k,at,n,\n0,a,2024-01-05,1,\n')))).to.deep.equal([]);
    });

    it('say which name is there twice in JSON, in Parquet files and in a query', async () => {
      const records = file('twice.json', '{"k": "a", "at": "2024-01-05", "n": 1, "n": 2}\n');
      expect((await mistakes(of(records)))[0]).to.match(/twice\.json", in line 1: .* has duplicate key "n"$/);
      const advice = 'give each column a name of its own';
      const cases = file(
        'case.json',
        '{"k": "a", "at": "2024-01-05", "n": 1}\n{"K": "a", "at": "2024-01-05"}\n',
      );
      expect(await mistakes(of(cases))).to.deep.equal([
        `source.table: lake: case.json names the columns "k" and "K", which differ in case only: ${advice}`,
      ]);
      const own = file('own.json', '{"k": "a", "at": "2024-01-05", "n": 1, "k_1": 2}\n');
      expect(await mistakes(of(own))).to.deep.equal([]);
      const table = await parquet(
        'twice.parquet',
        `SELECT 'a' AS k, TIMESTAMP '2024-01-05' AS "at", 1 AS xname, 2 AS yname, {'xname': 1, 'k': 2} AS inner_1, 3 AS "inner"`,
      );
      const named = { source: { table, eventTime: 'at' }, features: { n: { type: 'int32', of: 'xname' } } };
      expect(await mistakes(of(table, named))).to.deep.equal([]);
      const content = readFileSync(join(data.directory, table)).toString('latin1');
      const twice = data.bytes('xname.parquet', Buffer.from(content.replaceAll('yname', 'xname'), 'latin1'));
      expect(
        await mistakes(of(twice, { ...named, source: { table: twice, eventTime: 'at' } })),
      ).to.deep.equal([`source.table: lake: xname.parquet names the column "xname" twice: ${advice}`]);
      const query = `SELECT 'a' AS k, TIMESTAMP '2024-01-05' AS "at", 1 AS n, 2 AS n`;
      const asked = of('', { source: { query, eventTime: 'at' } });
      expect(await mistakes(asked)).to.deep.equal([
        `source.query: lake: the query names the column "n" twice: ${advice}`,
      ]);
      const fine = `SELECT 'a' AS k, TIMESTAMP '2024-01-05' AS "at", 1 AS n, 2 AS n_1`;
      expect(await mistakes(of('', { source: { query: fine, eventTime: 'at' } }))).to.deep.equal([]);
    });

    it('say that a file is empty, or is not there', async () => {
      expect(await mistakes(of(file('empty.csv', '')))).to.deep.equal([
        'source.table: lake: empty.csv is empty: a CSV file begins with the names of its columns',
      ]);
      expect(await mistakes(of(file('empty.json', '')))).to.deep.equal([
        'source.table: lake: empty.json is empty: it has no records',
      ]);
      expect((await mistakes(of(file('empty.parquet', ''))))[0]).to.match(
        /^source\.table: lake: .*empty\.parquet' too small to be a Parquet file$/,
      );
      expect(await mistakes(of('gone.csv'))).to.deep.equal(['source.table: lake: there is no file gone.csv']);
      expect(await mistakes(of('gone/*.csv'))).to.deep.equal([
        'source.table: lake: no file matches gone/*.csv',
      ]);
    });

    it('say how many values are not what is declared, and show one', async () => {
      const text = file('bad.csv', 'k,at,n\na,13/01/2024,1\nb,yesterday,\nc,2024-01-05,abc\n,2024-01-05,x\n');
      const expected = [
        'source.eventTime: column "at" of bad.csv: 2 of 4 values are not a time, such as "13/01/2024"',
        'features.n: column "n" of bad.csv: 2 of 4 values are not a float64, such as "abc"',
      ];
      expect(await mistakes(of(text))).to.deep.equal(expected);
      const json = file(
        'bad.json',
        '{"k": "a", "at": "13/01/2024", "n": "abc"}\n{"k": "b", "at": "2024-01-05"}\n',
      );
      expect((await mistakes(of(json))).map((message) => message.replace('bad.json', ''))).to.deep.equal([
        'source.eventTime: column "at" of : 1 of 2 values is not a time, such as "13/01/2024"',
        'features.n: column "n" of : 1 of 2 values is not a float64, such as "abc"',
      ]);
      const message = await failure(() => data.store.openAsOf([of(text)], callContext()));
      expect(message)
        .to.match(/^INVALID_ARGUMENT .*13\/01\/2024/)
        .and.not.match(/SELECT|CAST|LINE/);
    });

    it('show the value for which an aggregated column is text', async () => {
      const text = file(
        'sums.csv',
        'k,at,n\na,2024-01-05,1.5\nb,2024-01-05,"12,5"\nc,2024-01-05,\nd,2024-01-05,3\n',
      );
      const sum = { aggregate: 'sum', of: 'n', windowDays: 1 };
      expect(await mistakes(of(text, { features: { sum } }))).to.deep.equal([
        'features.sum.of: column "n" of sums.csv is text, but feature "sum" aggregates numbers: 1 of 4 values is not a number, such as "12,5"',
      ]);
    });

    it('say that an aggregated column is the time, and not that it is text', async () => {
      const text = file('times.csv', 'k,n\na,1.5\nb,2\n');
      const sum = { aggregate: 'sum', of: 'n', windowDays: 1 };
      expect(
        await mistakes(of(text, { source: { table: text, eventTime: 'n' }, features: { sum } })),
      ).to.deep.equal([
        'features.sum.of: column "n" of times.csv is the event time, but feature "sum" aggregates numbers',
      ]);
    });

    it('are found in keys and features beyond an int64, and point at them', async () => {
      const table = await parquet(
        'beyond.parquet',
        `SELECT 18446744073709551615::UBIGINT AS u, 18446744073709551615::DECIMAL(38, 0) AS d,
          18446744073709551615.5::DECIMAL(38, 1) AS f, '18446744073709551615' AS t, 7 AS n, TIMESTAMP '2024-01-05' AS "at"
        UNION ALL SELECT 1::UBIGINT, 1, 1, '1', 7, TIMESTAMP '2024-01-05'`,
      );
      for (const [column, example] of [
        ['u', '18446744073709551615'],
        ['d', '18446744073709551615'],
        ['f', '18446744073709551615.5'],
        ['t', '18446744073709551615'],
      ] as const) {
        const message = `column "${column}" of beyond.parquet: 1 of 2 values is not an int64, such as "${example}"`;
        const source = { table, eventTime: 'at', key: { k: column } };
        expect(await mistakes(of(table, { entity: { k: 'int64' }, source }))).to.deep.equal([
          `source.key.k: ${message}`,
        ]);
        expect(await mistakes(of(table, { entity: { [column]: 'int64' } }))).to.deep.equal([
          `entity.${column}: ${message}`,
        ]);
        const feature = { entity: { n: 'int64' }, features: { x: { type: 'int64', of: column } } };
        expect(await mistakes(of(table, feature))).to.deep.equal([`features.x: ${message}`]);
        const path = ['request', column];
        const { mistakes: found } = await data.store.checkSpine(
          { table, time: 'at', columns: { x: { column, type: parseType('int64'), path } } },
          callContext(),
        );
        expect(found).to.deep.equal([{ path, message }]);
      }
      const huge = `SELECT 'a' AS k, TIMESTAMP '2024-01-05' AS "at", 18446744073709551615::HUGEINT AS h`;
      const asked = { source: { query: huge, eventTime: 'at' }, entity: { h: 'int64' }, features: { k: { type: 'string' } } }; // prettier-ignore
      expect(await mistakes(of('', asked))).to.deep.equal([
        'entity.h: column "h" of the query: 1 of 1 values is not an int64, such as "18446744073709551615"',
      ]);
      for (const column of ['u', 'd']) {
        const { mistakes: found } = await data.store.checkSpine(
          { table, time: 'at', columns: { x: { column, path: ['labels', 'x'] } } },
          callContext(),
        );
        expect(found).to.deep.equal([
          { path: ['labels', 'x'], message: `column "${column}" of beyond.parquet: 1 of 2 values is not an int64, such as "18446744073709551615"` }, // prettier-ignore
        ]);
      }
    });

    it('are found in lists and vectors with a null inside', async () => {
      const table = await parquet(
        'holes.parquet',
        `SELECT 'a' AS k, TIMESTAMP '2024-01-05' AS "at", [1, NULL]::FLOAT[2] AS v, [1, NULL]::DOUBLE[] AS l, ['x', NULL] AS s
        UNION ALL SELECT 'b', TIMESTAMP '2024-01-05', [1, 2]::FLOAT[2], [1, 2]::DOUBLE[], ['x']
        UNION ALL SELECT 'c', TIMESTAMP '2024-01-05', NULL, NULL, NULL`,
      );
      for (const [column, type] of [
        ['v', 'float32[2]'],
        ['v', 'list<float32>'],
        ['l', 'float32[2]'],
        ['l', 'list<float64>'],
        ['s', 'list<string>'],
      ] as const) {
        expect(await mistakes(of(table, { features: { x: { type, of: column } } })), type).to.deep.equal([
          `features.x: column "${column}" of holes.parquet: 1 of 3 values has a null inside`,
        ]);
      }
      const { mistakes: found } = await data.store.checkSpine(
        { table, time: 'at', columns: { x: { column: 'l', path: ['labels', 'x'] } } },
        callContext(),
      );
      expect(found).to.deep.equal([
        { path: ['labels', 'x'], message: 'column "l" of holes.parquet: 1 of 3 values has a null inside' },
      ]);
      const text = file(
        'holes.csv',
        'k,at,v\na,2024-01-05,"[1, NULL]"\nb,2024-01-05,"[1, 2]"\nc,2024-01-05,"[1]"\n',
      );
      expect(await mistakes(of(text, { features: { v: { type: 'float32[2]' } } }))).to.deep.equal([
        'features.v: column "v" of holes.csv: 1 of 3 values is not a float32[2], such as "[1]"',
        'features.v: column "v" of holes.csv: 1 of 3 values has a null inside',
      ]);
      const json = file('holes.json', '{"k": "a", "at": "2024-01-05", "v": [1, null]}\n');
      expect((await mistakes(of(json, { features: { v: { type: 'float32[2]' } } })))[0]).to.match(
        /has a null inside$/,
      );
    });

    it('are found in numbers that their types do not hold', async () => {
      const table = await parquet(
        'large.parquet',
        `SELECT 'a' AS k, TIMESTAMP '2024-01-05' AS at, 5000000000 AS n`,
      );
      expect(await mistakes(of(table, { features: { n: { type: 'int32' } } }))).to.deep.equal([
        'features.n: column "n" of large.parquet: 1 of 1 values is not an int32, such as "5000000000"',
      ]);
      expect(await mistakes(of(table, { features: { n: { type: 'timestamp' } } }))).to.deep.equal([
        'features.n: column "n" of large.parquet is BIGINT, but feature "n" is a time',
      ]);
      const sum = { aggregate: 'sum', of: 'k', windowDays: [1, 7] };
      expect(await mistakes(of(table, { features: { sum } }))).to.deep.equal([
        'features.sum.of: column "k" of large.parquet is VARCHAR, but feature "sum_1d" aggregates numbers: 1 of 1 values is not a number, such as "a"',
        'features.sum.of: column "k" of large.parquet is VARCHAR, but feature "sum_7d" aggregates numbers: 1 of 1 values is not a number, such as "a"',
      ]);
    });
  });
});
