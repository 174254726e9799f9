import assert from 'node:assert/strict';
import { fieldsOf } from '../../data/feature-rows.js';
import { callContext as context } from '../start-part.js';
import type { WarehouseFixture } from './fixture.js';
import { readAll, table } from './tables.js';

/** Joins as of a time. */
export function asOfJoins({ runner, lake, sql }: WarehouseFixture): void {
  const { it } = runner;

  it('keeps the sign of zero through a join of few rows', async () => {
    const right = table(
      ['string', 'int64', 'float32', 'float64'],
      [
        ['a', 1n, -0, -0],
        ['b', 1n, 0, 0],
      ],
      ['key', 'available', 'single', 'double'],
    );
    const left = table(['int32', 'string', 'int64'], [[0, 'a', 5n]], ['row', 'key', 'time']);
    await using l = await lake().load(left, context());
    await using r = await lake().load(right, context());
    const join = sql().asOfJoin({
      left: l.name,
      right: r.name,
      keys: [{ left: 'key', right: 'key' }],
      time: 'time',
      since: 'available',
      keep: ['row'],
      columns: ['single', 'double'],
    });
    const fields = fieldsOf({ row: 'int32', single: 'float32', double: 'float64' });
    const { rows } = await readAll(lake().query({ sql: join, fields }, context()));
    assert.deepEqual(rows, [[0, -0, -0]]);
  });

  it('joins as of: the greatest available time that is not after, per key', async () => {
    const right = table(
      ['string', 'int64', 'string'],
      [
        ['a', 10n, 'a10'],
        ['a', 20n, 'a20'],
        ['b', 15n, 'b15'],
      ],
      ['key', 'available', 'value'],
    );
    const times: [string, bigint][] = [
      ['a', 9n],
      ['a', 10n],
      ['a', 19n],
      ['a', 99n],
      ['b', 14n],
      ['b', 16n],
      ['c', 99n],
    ];
    const left = table(
      ['int32', 'string', 'int64'],
      times.map((row, i) => [i, ...row]),
      ['row', 'key', 'time'],
    );
    await using l = await lake().load(left, context());
    await using r = await lake().load(right, context());
    const join = {
      left: l.name,
      right: r.name,
      keys: [{ left: 'key', right: 'key' }],
      time: 'time',
      since: 'available',
      keep: ['row'],
      columns: ['value'],
    };
    const statement = { sql: sql().asOfJoin(join), fields: fieldsOf({ row: 'int32', value: 'string' }) };
    const { fields, rows } = await readAll(lake().query(statement, context()));
    assert.deepEqual(fields, statement.fields);
    rows.sort((one, other) => (one[0] as number) - (other[0] as number));
    assert.deepEqual(rows, [
      [1, 'a10'],
      [2, 'a10'],
      [3, 'a20'],
      [5, 'b15'],
    ]);
  });
}
