import assert from 'node:assert/strict';
import { isVivaceError } from '../../kernel/errors.js';
import type { RowBatch } from '../../ports/warehouse.js';
import { callContext as context } from '../start-part.js';
import type { WarehouseFixture } from './fixture.js';
import { readAll, samples, table } from './tables.js';

/** Files of rows in memory. */
export function files({ runner, lake: warehouse }: WarehouseFixture): void {
  const { it } = runner;

  it('makes a file of rows in memory, where it can, and reads it back: every scalar type, and nulls', async () => {
    const lake = warehouse();
    if (lake.encode === undefined || lake.decode === undefined) return;
    const nulls = Object.keys(samples).map(() => null);
    const cells = [Object.values(samples), nulls, Object.values(samples)];
    const content = await lake.encode(table(Object.keys(samples), cells), 'parquet', context());
    const { fields, rows } = await readAll(lake.decode(content, 'parquet', context()));
    assert.deepEqual(rows, cells);
    assert.deepEqual(
      fields.map(({ name, type }) => `${name} ${type.name}`),
      Object.keys(samples).map((type) => `c_${type} ${type}`),
    );
    const some = await readAll(lake.decode(content, 'parquet', context(), ['c_string', 'gone', 'c_int32']));
    assert.deepEqual(
      some.rows,
      cells.map((row) => [row[5], row[2]]),
    );
    assert.equal((await readAll(lake.decode(content, 'parquet', context(), ['gone']))).rows.length, 3);
  });

  it('makes a file of no rows, and of batches one after the other', async () => {
    const lake = warehouse();
    if (lake.encode === undefined || lake.decode === undefined) return;
    const none = await lake.encode(table(['int32'], []), 'parquet', context());
    assert.deepEqual((await readAll(lake.decode(none, 'parquet', context()))).rows, []);
    const { fields, batches } = table(['int32'], [[1], [2]]);
    const twice = {
      fields,
      batches: [...(batches as Iterable<RowBatch>), ...(batches as Iterable<RowBatch>)],
    };
    const content = await lake.encode(twice, 'parquet', context());
    assert.deepEqual((await readAll(lake.decode(content, 'parquet', context()))).rows, [[1], [2], [1], [2]]);
  });

  it('fails with DATA_LOSS for bytes that are not a whole file', async () => {
    const lake = warehouse();
    if (lake.encode === undefined || lake.decode === undefined) return;
    const content = await lake.encode(table(['string'], [['a'], ['b']]), 'parquet', context());
    const middle = Buffer.from(content);
    middle.fill(255, 8, content.length - 40);
    for (const broken of [Buffer.alloc(0), Buffer.from('hello'), content.subarray(0, -20), middle])
      await assert.rejects(
        readAll(lake.decode(broken, 'parquet', context())),
        (error) => isVivaceError(error) && error.code === 'DATA_LOSS',
      );
  });
}
