import assert from 'node:assert/strict';
import { status } from '../../data/status.js';
import { isVivaceError } from '../../kernel/errors.js';
import { microsPerDay as day } from '../../kernel/time.js';
import { view } from '../view.js';
import type { OfflineStoreFixture } from './fixture.js';
import { numbersFrom } from './histories.js';
import { asOf } from './rows.js';
import { integers, plain } from './tables.js';

/** Views of aggregates: what a window holds, and when it is known. */
export function aggregates({ runner, setup, open, part }: OfflineStoreFixture): void {
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
    const doubles = view({
      ...foldedSpec,
      features: {
        mean: { aggregate: 'mean', of: 'value', type: 'float64', windowDays: 3 },
        total: { aggregate: 'sum', of: 'value', type: 'float64', windowDays: 3 },
        deviation: { aggregate: 'stddev', of: 'value', type: 'float64', windowDays: 3 },
      },
    });

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

    it('count what had arrived by then, and are known when the last of that was', async () => {
      const store = await open({
        t: integers([
          ['a', 10, 10, 4],
          ['a', 11, 12.75, 6],
        ]),
      });
      const rows = await asOf(store, folded, [
        ['a', 12.5],
        ['a', 12.75],
        ['a', 13],
        ['a', 30],
      ]);
      assert.deepEqual(
        rows.map(({ event, available }) => [event / day, available / day]),
        [
          [12, 12],
          [12, 12.75],
          [13, 13],
          [15, 15],
        ],
      );
      assert.deepEqual(
        rows.map(({ cells }) => cells[1]),
        [1, 2, 2, 0],
      );
    });

    it('do not wait for an event that comes late', async () => {
      const store = await open({
        t: integers([
          ['a', 1 + 10 / 24, 1 + 10 / 24, 1],
          ['a', 2 + 10 / 24, 2 + 10 / 24, 1],
          ['a', 2 + 11 / 24, 5, 1],
        ]),
      });
      const rows = await asOf(store, folded, [['a', 3 + 9 / 24]]);
      assert.deepEqual(rows[0]!.cells.slice(0, 2), [1, 2]);
    });

    it('lose nothing of doubles that differ little', async () => {
      const store = await open({
        t: plain([
          ['a', 10, 10, 1e9],
          ['a', 10, 10, 1e9 + 1],
          ['a', 11, 11, 1e9 + 2],
          ['a', 11, 11, null],
          ['a', 12, 12, null],
        ]),
      });
      const [row] = await asOf(store, folded, [['a', 13]]);
      assert.ok(Math.abs((row!.cells[4] as number) - 1) < 1e-12, String(row!.cells[4]));
      const [mean] = (await asOf(store, doubles, [['a', 13]]))[0]!.cells;
      assert.ok(Math.abs((mean as number) - (1e9 + 1)) < 1e-3);
    });

    it('sum doubles of a source the same whatever the order of its rows', async () => {
      const random = numbersFrom(5);
      const rows = Array.from(
        { length: setup.slow === true ? 40 : 400 },
        (_, i) => [`k${i % 3}`, i % 4, i % 4, (random() - 0.5) * 10 ** Math.round(random() * 12)] as const,
      );
      const sums = async (of: typeof rows): Promise<unknown> => {
        const store = await open({ t: plain(of) });
        const found = await asOf(
          store,
          doubles,
          ['k0', 'k1', 'k2'].map((key) => [key, 4]),
        );
        await part().stop();
        return found.map(({ cells }) => cells);
      };
      const [inOrder, backwards] = [await sums(rows), await sums(rows.toReversed())];
      if (setup.sumsToTheBit === true) assert.deepEqual(backwards, inOrder);
      else assertClose(backwards as number[][], inOrder as number[][]);
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

function assertClose(found: readonly (readonly number[])[], expected: readonly (readonly number[])[]): void {
  found.forEach((cells, row) =>
    cells.forEach((cell, i) => {
      const other = expected[row]![i]!;
      assert.ok(Math.abs(cell - other) <= Math.abs(other) * 1e-12, `row ${row}: ${cell} and ${other}`);
    }),
  );
}
