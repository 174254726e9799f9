import { expect } from 'chai';
import { type Cell, type FeatureView } from 'vivace';
import { callContext } from 'vivace/testing';
import { view } from '../../core/testing/view.js';
import { dataAsItIs, micros } from '../support/data-as-it-is.js';

describe('Data comes in as it is', () => {
  const data = dataAsItIs();
  const { file, parquet, read, mistakes } = data;
  const of = (table: string, features: object): FeatureView =>
    view({ entity: { k: 'string' }, source: { table, eventTime: 'at' }, features });

  describe('values of windows', () => {
    it('are the texts, numbers and times of a file of texts', async () => {
      const table = file(
        'events.csv',
        'k,at,t,n,seen\na,2024-01-05T08:00:00Z,1.10,7.5,2024-01-01T00:00:00+02:00\na,2024-01-05T09:00:00Z,1.1,,\na,2024-01-05T07:00:00Z,1.10,3,2023-01-01\n',
      );
      const features = {
        t: { aggregate: 'last', of: 't', type: 'string', windowDays: 1 },
        ts: { aggregate: 'count_distinct', of: 't', windowDays: 1 },
        n: { aggregate: 'last', of: 'n', type: 'int32', windowDays: 1 },
        mean: { aggregate: 'mean', of: 'n', type: 'float64', windowDays: 1 },
        seen: { aggregate: 'first', of: 'seen', type: 'timestamp', windowDays: 1 },
        seens: { aggregate: 'count_distinct', of: 'seen', windowDays: 1 },
        ns: { aggregate: 'count_distinct', of: 'n', windowDays: 1 },
        keys: { aggregate: 'count_distinct', of: 'k', windowDays: 1 },
        times: { aggregate: 'count_distinct', of: 'at', windowDays: 1 },
      };
      expect(await read(of(table, features), ['a'], '2024-01-06')).to.deep.equal([
        ['1.1', 2, 8, 5.25, micros('2023-01-01'), 2, 2, 1, 3],
      ]);
    });

    it('are different where the column, as it is, says so: decimals by every digit, times by the microsecond', async () => {
      const table = await parquet(
        'digits.parquet',
        `SELECT 'a' AS k, TIMESTAMP '2024-01-05' AS "at", d, t, u FROM (VALUES
          (12345678901234567890.01::DECIMAL(38, 2), TIMESTAMPTZ '2024-01-05 00:00:00+00', '550e8400-e29b-41d4-a716-446655440000'::UUID),
          (12345678901234567890.02, TIMESTAMPTZ '2024-01-05 02:00:00+02', '550E8400-E29B-41D4-A716-446655440000'),
          (NULL, TIMESTAMPTZ '2024-01-05 00:00:00.000001+00', NULL)) AS v(d, t, u)`,
      );
      const counted = (column: string): object => ({
        aggregate: 'count_distinct',
        of: column,
        windowDays: 1,
      });
      const features = {
        d: counted('d'),
        t: counted('t'),
        u: counted('u'),
        one: { ...counted('d'), upTo: 1 },
      };
      expect(await read(of(table, features), ['a'], '2024-01-06')).to.deep.equal([[2, 2, 1, 1]]);
    });

    it('leave out times that cannot be stored, which is said', async () => {
      const table = await parquet(
        'infinite.parquet',
        `SELECT 'a' AS k, TIMESTAMP '2024-01-05' AS "at", TIMESTAMP 'infinity' AS t UNION ALL SELECT 'a', TIMESTAMP '2024-01-04', TIMESTAMP '2024-01-01'`,
      );
      const note =
        'column "t" of infinite.parquet: 1 of 2 times is infinite, or outside the years 0000 to 9999, and null instead';
      const values: [object, Cell][] = [
        [{ aggregate: 'last', type: 'timestamp' }, micros('2024-01-01')],
        [{ aggregate: 'count_distinct' }, 1],
      ];
      for (const [feature, expected] of values) {
        const counted = of(table, { x: { ...feature, of: 't', windowDays: 7 } });
        expect(await read(counted, ['a'], '2024-01-06')).to.deep.equal([[expected]]);
        expect(await data.store.checkView(counted, callContext())).to.deep.equal({
          mistakes: [],
          notes: [note],
        });
      }
    });

    it('are mistakes where the column has none of that type, or lists', async () => {
      const table = await parquet(
        'lists.parquet',
        `SELECT 'a' AS k, TIMESTAMP '2024-01-05' AS "at", [1, 2] AS l, 'x' AS t, 5000000000 AS n`,
      );
      const wrong: [feature: object, message: string][] = [
        [
          { aggregate: 'last', type: 'int64', of: 'l' },
          'column "l" of lists.parquet is INTEGER[], but feature "x" is an int64',
        ],
        [
          { aggregate: 'count_distinct', of: 'l' },
          'column "l" of lists.parquet is INTEGER[], but feature "x" counts single values',
        ],
        [
          { aggregate: 'first', type: 'timestamp', of: 'n' },
          'column "n" of lists.parquet is BIGINT, but feature "x" is a time',
        ],
        [
          { aggregate: 'last', type: 'int32', of: 'n' },
          'column "n" of lists.parquet: 1 of 1 values is not an int32, such as "5000000000"',
        ],
        [
          { aggregate: 'last', type: 'float32', of: 't' },
          'column "t" of lists.parquet: 1 of 1 values is not a float32, such as "x"',
        ],
        [
          { aggregate: 'count_distinct', of: 'list' },
          'lists.parquet has no column "list"; there are k, at, l, t, n',
        ],
      ];
      for (const [feature, message] of wrong)
        expect(await mistakes(of(table, { x: { ...feature, windowHours: 1 } }))).to.deep.equal([
          `features.x.of: ${message}`,
        ]);
      // A feature of several windows is declared once.
      const several = of(table, { x: { aggregate: 'count_distinct', of: 'l', windowHours: [1, 2] } });
      expect((await mistakes(several)).map((each) => each.split(':')[0])).to.deep.equal([
        'features.x.of',
        'features.x.of',
      ]);
    });
  });
});
