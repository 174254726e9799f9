import assert from 'node:assert/strict';
import type { Cell } from '../../data/column.js';
import { microsPerDay as day } from '../../kernel/time.js';
import type { OfflineStore, Spine } from '../../ports/offline-store.js';
import { cellsOf } from '../cells-of.js';
import { callContext as context } from '../start-part.js';
import type { OfflineStoreFixture } from './fixture.js';
import { plain } from './tables.js';

/** Rows that a sample of one in ten begins with: they must be these on every engine. */
const firstSampled = ['k29', 'k47', 'k59', 'k61', 'k67'];

/** Rows of a spine: which there are, and in which order. */
export function spine({ runner, open }: OfflineStoreFixture): void {
  const { describe, it } = runner;
  describe('spine', () => {
    const read = async (store: OfflineStore, spine: Partial<Spine>): Promise<Cell[][]> => {
      const whole = {
        table: 't',
        columns: { who: { column: 'key' }, what: { column: 'value' } },
        time: 'event',
        ...spine,
      };
      const { fields, batches } = await store.spine(whole, context());
      assert.deepEqual(
        fields.map(({ name }) => name),
        ['who', 'what', 'time'],
      );
      return cellsOf(batches);
    };

    it('gives rows by time, then by every column', async () => {
      const store = await open({
        t: plain([
          ['b', 2, 2, 1],
          ['a', 2, 2, 5],
          ['a', 2, 2, null],
          ['z', 1, 1, 1],
        ]),
      });
      const rows = await read(store, {});
      assert.deepEqual(rows, [
        ['z', 1, day],
        ['a', null, 2 * day],
        ['a', 5, 2 * day],
        ['b', 1, 2 * day],
      ]);
    });

    it('reads rows that were loaded, until they are disposed of', async () => {
      const store = await open({});
      if (store.load === undefined) return;
      const rows = plain([
        ['b', 2, 2, 1],
        ['a', 1, 1, null],
      ]);
      const query = async (): Promise<Cell[][]> => {
        await using loaded = await store.load!(rows, context());
        return await read(store, { table: undefined, query: `SELECT * FROM ${loaded.name}` } as never);
      };
      assert.deepEqual(await query(), [
        ['a', null, day],
        ['b', 1, 2 * day],
      ]);
    });

    it('takes rows from a time (inclusive) to another (exclusive), those that `where` names, equal ones once', async () => {
      const store = await open({
        t: plain([
          ['a', 1, 1, 1],
          ['a', 2, 2, 1],
          ['a', 2, 2, 1],
          ['b', 2, 2, 9],
          ['a', 3, 3, 1],
        ]),
      });
      const rows = await read(store, {
        fromMs: (2 * day) / 1000,
        toMs: (3 * day) / 1000,
        where: { value: { max: 5 } },
        distinct: true,
      });
      assert.deepEqual(rows, [['a', 1, 2 * day]]);
    });

    it('samples by the values of a row: the same rows in every run, in their order', async () => {
      const store = await open({
        t: plain(Array.from({ length: 5000 }, (_, i) => [`k${i}`, i, i, i % 7])),
      });
      const all = await read(store, {});
      const some = await read(store, { sample: { of: 10 } });
      assert.ok(some.length > 350 && some.length < 650, `${some.length} rows`);
      const names = new Set(some.map(([who]) => who));
      assert.deepEqual(
        some,
        all.filter(([who]) => names.has(who as string)),
      );
      assert.deepEqual(
        some.slice(0, 5).map(([who]) => who),
        firstSampled,
      );
    });

    it('samples by columns of the table: rows that are equal in these together, whatever else they hold', async () => {
      const store = await open({
        t: plain(Array.from({ length: 4000 }, (_, i) => [`k${i}`, Math.floor(i / 4), i % 3, i % 7])),
      });
      const sample = { of: 5, by: ['event', 'available'] };
      const some = await read(store, { sample: { of: 5, by: ['event'] } });
      const perTime = new Map<Cell, number>();
      for (const [, , time] of some) perTime.set(time!, (perTime.get(time!) ?? 0) + 1);
      assert.ok(perTime.size > 130 && perTime.size < 270, `${perTime.size} times`);
      assert.deepEqual([...new Set(perTime.values())], [4]);
      // A column that the spine does not read decides, and stays out of its rows: i and i + 3 have the same, the two between others.
      const pairs = new Set((await read(store, { sample })).map(([who]) => who));
      assert.ok(pairs.size > 500 && pairs.size < 1100, `${pairs.size} rows`);
      for (let i = 0; i < 4000; i += 4)
        assert.equal(pairs.has(`k${i}`), pairs.has(`k${i + 3}`), `k${i} and k${i + 3}`);
      assert.ok(some.some(([who]) => !pairs.has(who)));
    });
  });
}
