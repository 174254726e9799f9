import { expect } from 'chai';
import { columnOf, fieldsOf, type Cell } from 'vivace';
import { callContext } from 'vivace/testing';
import { bigqueryEmulator } from '../servers/bigquery-server.js';
import { describeNeeding } from '../servers/programs.js';
import { bigqueryFixture } from '../support/bigquery-fixture.js';
import { failureOf } from '../support/failure.js';

describeNeeding([bigqueryEmulator], 'bigquery', () => {
  const fixture = bigqueryFixture();
  const { all, asked } = fixture;

  describe('types', () => {
    it('reads every type that a column carries, to the last digit', async () => {
      const { fields, rows } = await all({
        sql: `SELECT 9223372036854775807 AS i, 0.1 AS f, CAST('NaN' AS FLOAT64) AS nan, CAST('-inf' AS FLOAT64) AS inf,
          NUMERIC '1234567890.25' AS n, TRUE AS b, 'ż' AS s, FROM_BASE64('AP8=') AS y,
          TIMESTAMP '1905-01-03 00:00:00.000007 UTC' AS t, DATE '2001-02-03' AS d,
          DATETIME '2001-02-03 04:05:06.789012' AS dt, [1, 2] AS a, ['x'] AS sa, [TRUE, FALSE] AS ba`,
      });
      expect(fields.map(({ type }) => type.name)).to.deep.equal(
        ['int64', 'float64', 'float64', 'float64', 'float64', 'bool', 'string', 'bytes'].concat([
          'timestamp',
          'timestamp',
          'timestamp',
          'list<int64>',
          'list<string>',
          'list<bool>',
        ]),
      );
      expect(rows[0]).to.deep.equal([
        9_223_372_036_854_775_807n,
        0.1,
        NaN,
        -Infinity,
        1_234_567_890.25,
        true,
        'ż',
        Uint8Array.of(0, 255),
        Date.UTC(1905, 0, 3) * 1000 + 7,
        Date.UTC(2001, 1, 3) * 1000,
        Date.UTC(2001, 1, 3, 4, 5, 6) * 1000 + 789_012,
        [1n, 2n],
        ['x'],
        [true, false],
      ]);
    });

    it('narrows to what is asked for, and refuses what does not fit', async () => {
      const one = (expression: string, type: string): Promise<Cell> =>
        all({ sql: `SELECT ${expression} AS x`, fields: fieldsOf({ x: type }) }).then(
          ({ rows }) => rows[0]![0]!,
        );
      expect(await one('0.1', 'float32')).to.equal(Math.fround(0.1));
      expect(await one('-2147483648', 'int32')).to.equal(-2_147_483_648);
      expect(await one('[1, 2]', 'int32[2]')).to.deep.equal([1, 2]);
      expect(await one('CAST([] AS ARRAY<FLOAT64>)', 'float32[2]')).to.equal(null);
      expect(await failureOf(one('2147483648', 'int32'))).to.match(
        /^INVALID_ARGUMENT .*"x": 2147483648 does not fit int32/,
      );
      expect(await failureOf(one('1e300', 'float32'))).to.match(
        /^INVALID_ARGUMENT .*"x": 1e\+300 does not fit float32/,
      );
      expect(await failureOf(one('[1, 2, 3]', 'int32[2]'))).to.match(
        /^INVALID_ARGUMENT .*array of 3 does not fit int32\[2\]/,
      );
      expect(await failureOf(one("'a'", 'int64'))).to.match(
        /^INVALID_ARGUMENT .*"x" is string, but int64 is wanted/,
      );
    });

    for (const [expression, type, advice] of [
      ['STRUCT(1 AS a)', 'RECORD', 'select its fields'],
      ["TIME '01:02:03'", 'TIME', 'AS STRING'],
      ["JSON '1'", 'JSON', 'TO_JSON_STRING'],
      ['INTERVAL 1 DAY', 'INTERVAL', 'AS STRING'],
    ] as const) {
      it(`refuses ${type}, naming the column and what to do`, async () => {
        const failure = await failureOf(all({ sql: `SELECT 1 AS a, ${expression} AS odd` }));
        expect(failure)
          .to.match(new RegExp(`^INVALID_ARGUMENT .*column "odd" is ${type}`))
          .and.include(advice);
      });
    }

    it('loads lists and vectors, −0 and what is not a number, to the bit', async () => {
      const fields = fieldsOf({ l: 'list<string>', v: 'float32[2]', f: 'float64', i: 'int64' });
      const cells: Cell[][] = [
        [['a', ''], [1.5, -0], -0, -(2n ** 63n)],
        [[], [NaN, Infinity], NaN, 2n ** 51n],
        [['ż'], [0, 1], -Infinity, null],
      ];
      const columns = fields.map(({ type }, i) => columnOf(type, cells.map((row) => row[i] as Cell))); // prettier-ignore
      await using table = await fixture.lake.load(
        { fields, batches: [{ fields, columns, rows: 3 }] },
        callContext(),
      );
      const read = await all({ sql: `SELECT * FROM ${table.name} ORDER BY i DESC NULLS LAST`, fields });
      expect(read.rows).to.deep.equal([cells[1], cells[0], cells[2]]);
      expect(Object.is((read.rows[1]![1] as number[])[1], -0)).to.equal(true);
    });

    it('loads no rows into an empty table, without a job', async () => {
      const fields = fieldsOf({ x: 'int64' });
      await using table = await fixture.lake.load({ fields, batches: [] }, callContext());
      expect((await all({ sql: `SELECT * FROM ${table.name}` })).rows).to.deep.equal([]);
      expect(asked('POST', '/upload/')).to.have.length(0);
    });
  });
});
