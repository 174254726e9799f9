import { expect } from 'chai';
import { type FeatureView } from 'vivace';
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
