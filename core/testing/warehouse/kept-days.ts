import assert from 'node:assert/strict';
import type { Cell } from '../../data/column.js';
import { parseType } from '../../data/types.js';
import { isVivaceError } from '../../kernel/errors.js';
import { callContext as context } from '../start-part.js';
import type { WarehouseFixture } from './fixture.js';
import { readAll, samples, table } from './tables.js';

/** Sets of rows that are kept by day. */
export function keptDays({ runner, lake, sql, answer, value }: WarehouseFixture): void {
  const { describe, it } = runner;

  describe('kept days', function () {
    const set = `contract-${process.pid}-${Date.now()}`;
    let sets = 0;
    const name = (): string => `${set}-${sets++}`;
    /** Rows of the days of a set, in the order of days and values. */
    const rowsOf = async (of: string, days: { first?: number; last?: number } = {}): Promise<Cell[][]> => {
      const from = await lake().keptDays!(of, days, context());
      return from === undefined ? [] : answer(`SELECT kept_day, x FROM ${from} ORDER BY kept_day, x`);
    };
    const keep = async (of: string, days: readonly number[], rows: readonly [day: number, x: string][]) => {
      const cells = rows.map(([day, x]) => [BigInt(day), x]);
      await using loaded = await lake().load(table(['int64', 'string'], cells, ['kept_day', 'x']), context());
      await lake().keepDays!(of, { days, statement: { sql: `SELECT * FROM ${loaded.name}` } }, context());
    };
    const kept = (what: string, test: () => Promise<void>): void =>
      it(what, async () => {
        if (lake().keepDays !== undefined) await test();
      });

    kept('replaces the rows of days, and leaves those of others', async () => {
      const of = name();
      assert.equal(await lake().keptDays!(of, {}, context()), undefined);
      await keep(of, [-1, 0, 1], [[-1, 'a'], [0, 'b'], [0, 'bb'], [1, 'c']]); // prettier-ignore
      await keep(of, [0, 2], [[0, 'B'], [2, 'd']]); // prettier-ignore
      assert.deepEqual(await rowsOf(of), [[-1n, 'a'], [0n, 'B'], [1n, 'c'], [2n, 'd']]); // prettier-ignore
      await keep(of, [1], []);
      assert.deepEqual(await rowsOf(of, { first: 0 }), [[0n, 'B'], [2n, 'd']]); // prettier-ignore
      assert.deepEqual(await rowsOf(of, { first: 0, last: 1 }), [[0n, 'B']]);
      assert.deepEqual(await rowsOf(of, { last: -1 }), [[-1n, 'a']]);
    });

    kept('keeps days of years, one after the other and many at once', async () => {
      const of = name();
      const expected = new Map<number, string>();
      const put = async (days: readonly number[], text: string): Promise<void> => {
        await keep(of, days, days.map((day) => [day, text])); // prettier-ignore
        days.forEach((day) => expected.set(day, text));
        assert.deepEqual(
          await rowsOf(of),
          [...expected].sort(([a], [b]) => a - b).map(([day, x]) => [BigInt(day), x]),
        );
      };
      await put(Array.from({ length: 400 }, (_, i) => 19_000 + i), 'first'); // prettier-ignore
      for (let day = 19_395; day < 19_420; day += 6) await put([day, day + 1], 'next');
      await put([19_010, 19_300, 19_419], 'again');
      await put([18_000], 'before');
    });

    kept('keeps values as they are: integers of 128 bits, signs of zero, NaN, nulls, lists', async () => {
      const of = name();
      const types = Object.keys(samples);
      const special = [-0, NaN, 0, 5e-324, null];
      await using loaded = await lake().load(
        table(
          [...types, 'float64'],
          special.map((x) => [...Object.values(samples), x]),
          [...types.map((type) => `c_${type}`), 'x'],
        ),
        context(),
      );
      // The emulators of engines that run elsewhere have decimals of fewer digits.
      const factor = lake().dialect.remote === true ? '1000000000' : '9223372036854775807';
      const product = `${sql().exact('9223372036854775807')} * ${sql().exact(factor)}`;
      const kepts = `SELECT ${sql().cast('5', parseType('int64'))} AS kept_day, *, ${product} AS large FROM ${loaded.name}`;
      await lake().keepDays!(of, { days: [5], statement: { sql: kepts } }, context());
      const from = (await lake().keptDays!(of, {}, context()))!;
      const fields = [...types, 'float64'].map((type, i) => ({
        name: i === types.length ? 'x' : `c_${type}`,
        type: parseType(type),
      }));
      const names = fields.map((field) => field.name).join(', ');
      const { rows } = await readAll(
        lake().query({ sql: `SELECT ${names} FROM ${from}`, fields }, context()),
      );
      assert.deepEqual(
        rows.map((row) => row.slice(0, -1)),
        special.map(() => Object.values(samples)),
      );
      assert.deepEqual(new Set(rows.map((row) => row.at(-1))), new Set(special));
      const negative = rows.filter((row) => Object.is(row.at(-1), -0));
      assert.equal(negative.length, lake().dialect.remote === true ? negative.length : 1);
      const difference = `large - ${product} + ${sql().exact('7')}`;
      assert.equal(
        await value(`CASE WHEN MIN(${difference}) = 7 THEN 'exact' ELSE 'not' END`, from),
        'exact',
      );
    });

    kept('leaves the rows that were there where the query fails', async () => {
      const of = name();
      await keep(of, [1, 2], [[1, 'a'], [2, 'b']]); // prettier-ignore
      const broken = `SELECT ${sql().cast('1', parseType('int64'))} AS kept_day, CASE WHEN 1 = 1 THEN ${sql().fail('broken')} ELSE 'x' END AS x`;
      await assert.rejects(
        async () => lake().keepDays!(of, { days: [1], statement: { sql: broken } }, context()),
        isVivaceError,
      );
      assert.deepEqual(await rowsOf(of), [[1n, 'a'], [2n, 'b']]); // prettier-ignore
    });

    kept('takes names, and nothing that leads elsewhere', async () => {
      for (const wrong of ['', '..', '../a', 'a/b', 'a.b', 'A', 'a b', '"a"', 'a'.repeat(101)]) {
        for (const call of [
          async () => keep(wrong, [1], [[1, 'a']]),
          async () => lake().keptDays!(wrong, {}, context()),
        ])
          await assert.rejects(
            call,
            (error) => isVivaceError(error) && error.code === 'INVALID_ARGUMENT',
            JSON.stringify(wrong),
          );
      }
    });

    kept('has one of the two where two calls replace a day', async () => {
      const of = name();
      const days = [19_000, 19_100, 19_101];
      const put = (text: string) => keep(of, days, days.flatMap((day) => [[day, text], [day, text]])); // prettier-ignore
      await put('a');
      await Promise.all([put('b'), put('c')]);
      const rows = await rowsOf(of);
      for (const day of days) {
        const texts = rows.filter(([d]) => d === BigInt(day)).map(([, x]) => x);
        assert.ok(['b,b', 'c,c'].includes(texts.join()), `${day}: ${texts.join()}`);
      }
      assert.equal(rows.length, 6);
    });
  });
}
