import { expect } from 'chai';
import { parseType, type FeatureView, type Spine, type SpineColumn } from 'vivace';
import { callContext } from 'vivace/testing';
import { view } from '../../core/testing/view.js';
import { dataAsItIs, failure, micros } from '../support/data-as-it-is.js';

describe('Data comes in as it is', () => {
  const data = dataAsItIs();
  const { file, parquet, read, mistakes, spine } = data;

  describe('a spine', () => {
    it('is read as its fields and labels declare', async () => {
      const table = file(
        'spine.csv',
        `at,id,n,label,free\n2024-01-05 10:00:00,1.10,5,1e5,2\n2024-01-05T13:00:00+02:00,007,6,12345678901234567890,2.5\n`,
      );
      const typed = (column: string, type: string): SpineColumn => ({ column, type: parseType(type) });
      const columns = { id: typed('id', 'string'), n: typed('n', 'int32'), label: typed('label', 'string'), free: { column: 'free' } }; // prettier-ignore
      expect(await spine(table, columns)).to.deep.equal([
        ['1.10', 5, '1e5', 2, micros('2024-01-05T10:00:00Z')],
        ['007', 6, '12345678901234567890', 2.5, micros('2024-01-05T11:00:00Z')],
      ]);
    });

    it('has texts with a tiny fraction neither as an integer nor rounded twice', async () => {
      const table = file('tiny.csv', 'k,v\n2.00000000001,0.49999999999\n');
      const of = (key: string): FeatureView =>
        view({ entity: { k: key }, source: { table }, features: { v: { type: 'int64' } } });
      expect(await mistakes(of('int64'))).to.deep.equal([
        'entity.k: column "k" of tiny.csv: 1 of 1 values is not an int64, such as "2.00000000001"',
      ]);
      expect(await read(of('string'), ['2.00000000001'])).to.deep.equal([[0n]]);
    });

    it('has no value rounded to the integer that its field wants', async () => {
      const table = file('halves.csv', 'at,n\n2024-01-05,1\n2024-01-05,2.5\n');
      const message = await failure(() => spine(table, { n: { column: 'n', type: parseType('int32') } }));
      expect(message).to.match(
        /^INVALID_ARGUMENT .*column "n" of halves\.csv: 1 of 2 values is not an int32, such as "2\.5"$/,
      );
    });
  });

  describe('a spine that cannot be read', () => {
    const spineMistakes = async (table: string, columns: object, more: object): Promise<string[]> =>
      (
        await data.store.checkSpine({ table, columns, time: 'at', ...more } as Spine, callContext(60_000))
      ).mistakes.map(({ path, message }) => `${path.join('.')}: ${message}`);

    it('since it has no rows is a mistake, which says why', async () => {
      const header = file('header.csv', 'at,n\n');
      const two = file('two.csv', 'at,n\n2024-01-05,1\n2024-01-06,2\n');
      const timeless = file('timeless.csv', 'at,n\n,1\n,2\n');
      for (const [table, more, message] of [
        [header, {}, 'table: header.csv has no rows'],
        [header, { where: { n: { min: 0 } } }, 'where: header.csv has no rows that fit `where`'],
        [two, { where: { n: { min: 5 } } }, 'where: two.csv has no rows that fit `where`'],
        [timeless, {}, 'time: timeless.csv has 2 rows, and none of them has a request time'],
        [
          two,
          { fromMs: Date.parse('2024-02-01') },
          'from: two.csv has 2 rows, and none of them has a request time within `from` and `to`',
        ],
        [
          two,
          { toMs: Date.parse('2024-01-05') },
          'to: two.csv has 2 rows, and none of them has a request time within `from` and `to`',
        ],
      ] as const)
        expect(await spineMistakes(table, { n: { column: 'n' } }, more)).to.deep.equal([message]);
      const query = `SELECT TIMESTAMP '2024-01-05' AS "at" WHERE false`;
      const report = await data.store.checkSpine({ query, columns: {}, time: 'at' }, callContext());
      expect(report.mistakes).to.deep.equal([{ path: ['query'], message: 'the query has no rows' }]);
    });

    it('by the columns of its sample is a mistake, too', async () => {
      const table = await parquet(
        'nested.parquet',
        `SELECT TIMESTAMP '2024-01-05' AS "at", {'a': 1} AS pair`,
      );
      const sample = (column: string): object => ({ sample: { of: 2, by: [column] } });
      expect(await spineMistakes(table, {}, sample('pair'))).to.deep.equal([
        'sample.by: column "pair" of nested.parquet is STRUCT("a" INTEGER), but `sample.by` is of no type that a column can hold: cast it in a query',
      ]);
      expect((await spineMistakes(table, {}, sample('pairs')))[0]).to.contain('did you mean "pair"?');
    });

    it('names its columns as the user does', async () => {
      const table = await parquet(
        'big.parquet',
        `SELECT TIMESTAMP '2024-01-05' AS "at", 18446744073709551615::UBIGINT AS id, [1, NULL] AS list, 12345678901234567.25::DECIMAL(38, 2) AS amount`,
      );
      expect(await failure(() => spine(table, { label: { column: 'id' } }))).to.contain(
        'column "id" of big.parquet: 1 of 1 values is not an int64, such as "18446744073709551615"',
      );
      expect(await failure(() => spine(table, { label: { column: 'amount' } }))).to.match(
        /spine: column "amount": .*digits/,
      );
      expect(await failure(() => spine(table, {}, { sample: { of: 1, by: ['list'] } }))).to.contain(
        'column "list"',
      );
    });
  });
});
