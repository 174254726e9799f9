import assert from 'node:assert/strict';
import type { Cell } from '../../data/column.js';
import { parseType } from '../../data/types.js';
import { callContext as context } from '../start-part.js';
import type { WarehouseFixture } from './fixture.js';
import { integers, readAll, samples, table } from './tables.js';

/** What the dialect folds rows into. */
export function aggregates({ runner, lake, sql, answer, value }: WarehouseFixture): void {
  const { it } = runner;

  it('sums doubles, and their squared deviations from the mean', async () => {
    const item = sql().cast('1000000000 + n', parseType('float64'));
    await using three = await lake().load(
      integers('n', 3, (i) => i + 1),
      context(),
    );
    const over = async (aggregate: string, where = ''): Promise<unknown> =>
      value(aggregate, `(SELECT ${item} AS x, n FROM ${three.name} AS t ${where})`);
    assert.equal(await over(sql().total('x')), 3_000_000_006);
    assert.equal(await over(sql().total('CASE WHEN n > 1 THEN x END')), 2_000_000_005);
    assert.equal(await over(sql().squaredDeviations('x')), 2);
    assert.equal(await over(sql().total('x'), 'WHERE n > 3'), null);
    assert.equal(await over(sql().squaredDeviations('x'), 'WHERE n > 3'), null);
  });

  it('sums doubles of any size, with the same bits whatever their order and number, where it says so', async () => {
    const values = [1e16, 0.1, -1e16, 3e-9, 0.7, 1e300, -1e300, 5e-324, 12.34, 1e-200];
    const over = async (of: readonly number[], aggregates: readonly string[]): Promise<unknown[]> => {
      const rows = table(
        ['float64'],
        of.map((each) => [each]),
        ['x'],
      );
      await using loaded = await lake().load(rows, context());
      const scale = sql().totalScale?.('MAX(ABS(x))') ?? 'NULL';
      const from = `(SELECT *, (SELECT ${scale} FROM ${loaded.name} AS g) AS scale FROM ${loaded.name} AS t)`;
      return await Promise.all(aggregates.map(async (aggregate) => value(aggregate, from)));
    };
    const totals = async (of: readonly number[]): Promise<unknown[]> =>
      over(of, [sql().total('x'), sql().total('x', 'scale')]);
    const squares = async (of: readonly number[]): Promise<unknown> =>
      (await over(of, [sql().squaredDeviations('x')]))[0];
    const near = (found: unknown, wanted: number): void =>
      assert.ok(
        Math.abs(Number(found) - wanted) <= Math.abs(wanted) * 1e-12 + 1e-30,
        `${String(found)} is not ${wanted}`,
      );
    const cases: readonly (readonly [readonly number[], number])[] = [
      [[0.1, 0.2, 0.3], 0.6],
      [[-1e-9, 1e9, 12.5], 1e9 + 12.5],
      [[2.5e-300, 2.5e-300], 5e-300],
      [[1e300, 1e-300], 1e300],
      [[0, 0], 0],
    ];
    for (const [of, wanted] of cases) {
      const [total, byScale] = await totals(of);
      near(total, wanted);
      near(byScale, wanted);
    }
    near(await squares([0.1, 0.1, 0.1]), 0);
    near(await squares([1, 3, 1e-9]), 14 / 3 - (8 / 3) * 1e-9);
    for (const [of, wanted] of [
      [[1, Infinity], Infinity],
      [[-Infinity, 1], -Infinity],
      [[Infinity, 1, -Infinity], NaN],
      [[NaN, 1], NaN],
    ] as const)
      assert.deepEqual((await totals(of)).map(Number), [wanted, wanted]);
    if (sql().totalScale === undefined) return;
    assert.deepEqual(await totals([1e308, 1e308, -1e308, -1e308]), [0, 0]);
    assert.equal(await squares([1e170, 1e170]), 0);
    assert.equal(await squares([1e170, -1e170]), Infinity);
    const [total, byScale] = await totals(values);
    assert.equal(byScale, total);
    const small = values.filter((each) => Math.abs(each) < 1e100);
    const deviations = await squares(small);
    for (let turn = 1; turn < values.length; turn++) {
      const turned = (of: readonly number[]): number[] =>
        [...of.slice(turn), ...of.slice(0, turn)].toReversed();
      assert.deepEqual(await totals(turned(values)), [total, total]);
      assert.equal(await squares(turned(small)), deviations);
    }
  });

  it('picks the value of the first or the last row that has one', async () => {
    const rows = [
      [1n, 2n, 'a'],
      [2n, 1n, 'b'],
      [2n, 3n, null],
      [1n, 1n, 'c'],
      [2n, 1n, 'bb'],
    ];
    const loaded = table(['int64', 'int64', 'string'], rows, ['n', 'm', 'x']);
    await using events = await lake().load(loaded, context());
    const of = (end: 'first' | 'last', where = ''): Promise<Cell> =>
      value(sql().pick('x', { order: ['n', 'm', 'x'], end }), `(SELECT * FROM ${events.name} AS e ${where})`);
    assert.deepEqual([await of('first'), await of('last')], ['c', 'bb']);
    assert.equal(await of('last', 'WHERE n < 2'), 'a');
    assert.equal(await of('last', 'WHERE x IS NULL'), null);
  });

  it('picks a value of each scalar type', async () => {
    const types = Object.keys(samples);
    const names = types.map((type) => `c_${type}`);
    await using one = await lake().load(table(types, [Object.values(samples)]), context());
    const picked = names.map(
      (name) => `${sql().pick(name, { order: [name], end: 'last' })} AS ${sql().identifier(name)}`,
    );
    const fields = types.map((type, i) => ({ name: names[i]!, type: parseType(type) }));
    const statement = { sql: `SELECT ${picked.join(', ')} FROM ${one.name}`, fields };
    const { rows } = await readAll(lake().query(statement, context()));
    assert.deepEqual(rows, [Object.values(samples)]);
  });

  it('keeps different values in a list, up to a number of them, and gives back a row for each', async () => {
    const rows = [
      ['a', 1.5],
      ['a', 0],
      ['a', -0],
      ['a', NaN],
      ['a', NaN],
      ['a', null],
      ['a', 1.5],
      ['b', null],
      ['c', 2],
    ];
    await using loaded = await lake().load(table(['string', 'float64'], rows, ['k', 'x']), context());
    const different = async (most: number): Promise<Record<string, number>> => {
      const lists = `SELECT k, ${sql().distinct('x', most + 1)} AS items FROM ${loaded.name} GROUP BY k`;
      const values = `SELECT k, ${sql().withoutNulls('items')} AS items FROM (${lists}) AS l`;
      await using kept = await lake().keep({ sql: values }, context());
      const each = sql().unnest({ from: kept.name, list: 'items', item: 'item', keep: ['k'] });
      const counted = await answer(`SELECT k, COUNT(DISTINCT item) AS n FROM (${each}) AS i GROUP BY k`);
      return Object.fromEntries(counted.map(([k, n]) => [k as string, Number(n)]));
    };
    assert.deepEqual(await different(10), { a: 3, c: 1 });
    // A null is one of the values, of which there is one more than are asked for.
    const { a, ...others } = await different(1);
    assert.ok(a === 1 || a === 2, String(a));
    assert.deepEqual(others, { c: 1 });
  });
}
