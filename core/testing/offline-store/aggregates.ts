import assert from 'node:assert/strict';
import { status } from '../../data/status.js';
import { isVivaceError } from '../../kernel/errors.js';
import { microsPerDay as day } from '../../kernel/time.js';
import { view } from '../view.js';
import type { OfflineStoreFixture } from './fixture.js';
import { asOf } from './rows.js';
import { integers } from './tables.js';

/** Views of aggregates: what a window holds, and when it is known. */
export function aggregates({ runner, setup, open }: OfflineStoreFixture): void {
  const { describe, it } = runner;
  describe('aggregates', () => {
    const features = {
      n: { aggregate: 'count', windowDays: [1, 3] },
      total: { aggregate: 'sum', of: 'value', type: 'int64', windowDays: 3 },
      mean: { aggregate: 'mean', of: 'value', windowDays: 3 },
      deviation: { aggregate: 'stddev', of: 'value', type: 'float64', windowDays: 3 },
      high: { aggregate: 'share', of: 'value', above: 4, windowDays: 3 },
      least: { aggregate: 'min', of: 'value', windowDays: 3 },
      most: { aggregate: 'max', of: 'value', windowDays: 3 },
    } as const;
    const foldedSpec = {
      entity: { key: 'string' },
      source: { table: 't', eventTime: 'event', availableTime: 'available' },
      features,
    };
    const folded = view(foldedSpec);

    it('use the days before the row and nothing later', async () => {
      const store = await open({
        t: integers([
          ['a', 10.5, 10.5, 4],
          ['a', 10.9, 10.9, 8],
          ['a', 12.2, 12.2, 3],
        ]),
      });
      const rows = await asOf(store, folded, [
        ['a', 10.99],
        ['a', 11],
        ['a', 12.99],
        ['a', 13],
        ['a', 14],
        ['a', 15.5],
      ]);
      assert.deepEqual(
        rows.map((row) => row.status),
        [status.MISSING, 0, 0, 0, 0, 0],
      );
      assert.deepEqual(
        rows.map(({ cells }) => cells.slice(0, 3)),
        [
          [null, null, null],
          [2, 2, 12n],
          [0, 2, 12n],
          [1, 3, 15n],
          [0, 1, 3n],
          [0, 1, 3n],
        ],
      );
      assert.deepEqual(rows[1]!.cells.slice(3), [6, Math.sqrt(8), 0.5, 4, 8]);
      assert.deepEqual(rows[4]!.cells.slice(3), [3, null, 0, 3, 3]);
      assert.deepEqual(
        rows.map(({ event }) => event / day),
        [0, 11, 12, 13, 14, 15],
      );
    });

    it('stand on the day on which the longest window has emptied, and then no more', async () => {
      const store = await open({
        t: integers([
          ['a', 10, 10, 4],
          ['a', 30, 30, 6],
        ]),
      });
      const rows = await asOf(store, folded, [
        ['a', 13],
        ['a', 14],
        ['a', 29],
        ['a', 31],
      ]);
      assert.deepEqual(
        rows.map(({ event }) => event / day),
        [13, 14, 14, 31],
      );
      assert.deepEqual(rows[1]!.cells, [0, 0, 0n, null, null, null, null, null]);
    });

    it('are known when the last of their events is', async () => {
      const store = await open({
        t: integers([
          ['a', 10, 10, 4],
          ['a', 11, 20, 6],
        ]),
      });
      const rows = await asOf(store, folded, [
        ['a', 12.5],
        ['a', 15.5],
        ['a', 20],
      ]);
      assert.deepEqual(
        rows.map(({ event, available }) => [event / day, available / day]),
        [
          [11, 11],
          [15, 15],
          [15, 15],
        ],
      );
      assert.deepEqual(
        rows.map(({ cells }) => cells[1]),
        [1, 0, 0],
      );
    });

    it('leave nulls out of everything but the count', async () => {
      const store = await open({
        t: integers([
          ['a', 10, 10, null],
          ['a', 10, 10, 6],
          ['b', 10, 10, null],
        ]),
      });
      const rows = await asOf(store, folded, [
        ['a', 11],
        ['b', 11],
      ]);
      assert.deepEqual(
        rows.map(({ cells }) => cells),
        [
          [2, 2, 6n, 6, null, 1, 6, 6],
          [1, 1, 0n, null, null, null, null, null],
        ],
      );
    });

    it('sum integers exactly', async () => {
      const big = 9_007_199_254_740_993n;
      const store = await open({
        t: integers([
          ['a', 10, 10, big],
          ['a', 10, 10, big],
          ['a', 10, 10, big + 1n],
        ]),
      });
      const { total, least } = features;
      const summed = view({ ...foldedSpec, features: { total, least: { ...least, type: 'int64' } } });
      const { cells } = (await asOf(store, summed, [['a', 11]]))[0]!;
      assert.deepEqual(cells, [big * 3n + 1n, big]);
    });

    it('sum squares of integers exactly, where doubles would keep nothing of their differences', async () => {
      const { squared: big = 9_007_199_254_740_993n } = setup;
      const store = await open({
        t: integers([
          ['a', 10, 10, big],
          ['a', 10, 10, big],
          ['a', 10, 10, big + 1n],
        ]),
      });
      const { cells } = (await asOf(store, folded, [['a', 11]]))[0]!;
      assert.ok(Math.abs((cells[4] as number) - Math.sqrt(1 / 3)) < 1e-12);
    });

    it('put days before 1970 where they belong', async () => {
      const store = await open({ t: integers([['a', -2.5, -2.5, 4]]) });
      const rows = await asOf(store, folded, [
        ['a', -2.1],
        ['a', -2],
      ]);
      assert.deepEqual(
        rows.map((row) => row.status),
        [status.MISSING, status.PRESENT],
      );
    });

    it('refuse a column that is not a number, and say which view', async () => {
      const store = await open({ t: integers([['a', 1, 1, 1]]) });
      const of = view({
        entity: { key: 'string' },
        source: { table: 't', eventTime: 'event' },
        features: { x: { aggregate: 'mean', of: 'key', windowDays: 1 } },
      });
      await assert.rejects(
        asOf(store, of, [['a', 1]]),
        (error) =>
          isVivaceError(error) && error.code === 'INVALID_ARGUMENT' && error.message.includes('view "v"'),
      );
    });
  });
}
