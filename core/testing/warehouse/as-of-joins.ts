import assert from 'node:assert/strict';
import type { Cell } from '../../data/column.js';
import { fieldsOf } from '../../data/feature-rows.js';
import { callContext as context } from '../start-part.js';
import type { WarehouseFixture } from './fixture.js';
import { readAll, table } from './tables.js';

/** Joins as of a time. */
export function asOfJoins({ runner, lake, sql }: WarehouseFixture): void {
  const { it } = runner;

  /**
   * Joins keys and times with rows of a key, the time from which it is available, and columns.
   *
   * @returns Number of the key and the time, and the columns; in the order of the numbers.
   */
  async function joined(
    asked: readonly (readonly [key: string, time: bigint])[],
    known: readonly (readonly [key: string, available: bigint, ...columns: Cell[]])[],
    columns: Readonly<Record<string, string>>,
  ): Promise<Cell[][]> {
    const left = table(
      ['int32', 'string', 'int64'],
      asked.map((row, i) => [i, ...row]),
      ['row', 'key', 'time'],
    );
    const right = table(['string', 'int64', ...Object.values(columns)], known, [
      'key',
      'available',
      ...Object.keys(columns),
    ]);
    await using l = await lake().load(left, context());
    await using r = await lake().load(right, context());
    const join = {
      left: l.name,
      right: r.name,
      keys: [{ left: 'key', right: 'key' }],
      time: 'time',
      since: 'available',
      keep: ['row'],
      columns: Object.keys(columns),
    };
    const statement = { sql: sql().asOfJoin(join), fields: fieldsOf({ row: 'int32', ...columns }) };
    const { fields, rows } = await readAll(lake().query(statement, context()));
    assert.deepEqual(fields, statement.fields);
    return rows.sort((one, other) => (one[0] as number) - (other[0] as number));
  }

  it('keeps the sign of zero through a join of few rows', async () => {
    const known = [
      ['a', 1n, -0, -0],
      ['b', 1n, 0, 0],
    ] as const;
    const rows = await joined([['a', 5n]], known, { single: 'float32', double: 'float64' });
    assert.deepEqual(rows, [[0, -0, -0]]);
  });

  it('joins as of: the greatest available time that is not after, per key', async () => {
    const known = [
      ['a', 10n, 'a10'],
      ['a', 20n, 'a20'],
      ['b', 15n, 'b15'],
    ] as const;
    const asked = [
      ['a', 9n],
      ['a', 10n],
      ['a', 19n],
      ['a', 99n],
      ['b', 14n],
      ['b', 16n],
      ['c', 99n],
    ] as const;
    assert.deepEqual(await joined(asked, known, { value: 'string' }), [
      [1, 'a10'],
      [2, 'a10'],
      [3, 'a20'],
      [5, 'b15'],
    ]);
  });
}
