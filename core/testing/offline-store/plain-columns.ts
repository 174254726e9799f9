import assert from 'node:assert/strict';
import { status } from '../../data/status.js';
import { microsPerDay as day } from '../../kernel/time.js';
import { callContext as context } from '../start-part.js';
import { view } from '../view.js';
import type { OfflineStoreFixture } from './fixture.js';
import { asOf, greatest, rowsOf, type Request } from './rows.js';
import { plain } from './tables.js';
import { plainSpec, plainView } from './views.js';

/** Views of plain columns: which row is read at a time. */
export function plainColumns({ runner, open, onlineRows }: OfflineStoreFixture): void {
  const { describe, it } = runner;
  describe('plain columns', () => {
    it('answers with the newest row known at the time, and MISSING before there is one', async () => {
      const store = await open({
        t: plain([
          ['a', 10, 10, 1],
          ['a', 20, 20, 2],
          ['b', 15, 15, 3],
        ]),
      });
      const rows = await asOf(store, plainView, [
        ['a', 9],
        ['a', 10],
        ['a', 19.5],
        ['a', 99],
        ['b', 20],
        ['c', 99],
      ]);
      assert.deepEqual(
        rows.map(({ cells }) => cells[0]),
        [null, 1, 1, 2, 3, null],
      );
      assert.deepEqual(
        rows.map((row) => row.status),
        [status.MISSING, 0, 0, 0, 0, status.MISSING],
      );
      assert.deepEqual([rows[3]!.event, rows[3]!.available], [20 * day, 20 * day]);
    });

    it('rounds halves away from zero where a fraction is wanted as an integer', async () => {
      const store = await open({
        t: plain([
          ['a', 10, 10, 0.5],
          ['b', 10, 10, 2.5],
          ['c', 10, 10, -2.5],
          ['d', 10, 10, 2.4],
          ['e', 10, 10, null],
        ]),
      });
      for (const [type, expected] of [
        ['int32', [1, 3, -3, 2, null]],
        ['int64', [1n, 3n, -3n, 2n, null]],
      ] as const) {
        const whole = view({ ...plainSpec, features: { x: { type, of: 'value' } } });
        const rows = await asOf(
          store,
          whole,
          ['a', 'b', 'c', 'd', 'e'].map((key) => [key, 10] as const),
        );
        assert.deepEqual(
          rows.map(({ cells }) => cells[0]),
          expected,
        );
      }
    });

    it('uses a row from its available time on, not from its event time on', async () => {
      const store = await open({
        t: plain([
          ['a', 10, 10, 1],
          ['a', 20, 30, 2],
        ]),
      });
      const rows = await asOf(store, plainView, [
        ['a', 29],
        ['a', 30],
      ]);
      assert.deepEqual(
        rows.map(({ cells }) => cells[0]),
        [1, 2],
      );
    });

    it('never goes back to an older event that became known later', async () => {
      const store = await open({
        t: plain([
          ['a', 20, 20, 2],
          ['a', 10, 30, 1],
          ['a', 25, 40, 3],
        ]),
      });
      const rows = await asOf(store, plainView, [
        ['a', 20],
        ['a', 30],
        ['a', 40],
      ]);
      assert.deepEqual(
        rows.map(({ cells }) => cells[0]),
        [2, 2, 3],
      );
    });

    it('uses a row once its event has happened and it is known, whichever comes later', async () => {
      const store = await open({
        t: plain([
          ['a', 10, 9, 10],
          ['a', 11, 9, 11],
          ['a', 15, 9, 15],
          ['b', 10, 10, 1],
          ['b', 50, 20, 2],
          ['b', 30, 30, 3],
        ]),
      });
      const rows = await asOf(store, plainView, [
        ['a', 9],
        ['a', 10.5],
        ['a', 11.5],
        ['a', 15],
        ['b', 25],
        ['b', 35],
        ['b', 50],
      ]);
      assert.deepEqual(
        rows.map(({ cells }) => cells[0]),
        [null, 10, 11, 15, 1, 3, 2],
      );
    });

    it('of rows about the same future event takes the one that became known last', async () => {
      const store = await open({
        t: plain([
          ['a', 20, 12, 1],
          ['a', 20, 14, 2],
          ['a', 20, 13, 3],
          ['a', 19, 20, 4],
          ['a', 20, 25, 5],
        ]),
      });
      const rows = await asOf(store, plainView, [
        ['a', 19],
        ['a', 20],
        ['a', 24],
        ['a', 25],
      ]);
      assert.deepEqual(
        rows.map(({ cells }) => cells[0]),
        [null, 2, 2, 5],
      );
    });

    it('of rows that became known together takes the newest event, of equal events the later known', async () => {
      const store = await open({
        t: plain([
          ['a', 10, 30, 1],
          ['a', 20, 30, 2],
          ['b', 10, 11, 3],
          ['b', 10, 12, 4],
        ]),
      });
      const rows = await asOf(store, plainView, [
        ['a', 30],
        ['b', 11],
        ['b', 12],
      ]);
      assert.deepEqual(
        rows.map(({ cells }) => cells[0]),
        [2, 3, 4],
      );
    });

    it('of rows with equal times takes the bytewise greater, as online', async () => {
      const values = [3.5, -1, 7, null, 2];
      const store = await open({ t: plain(values.map((value) => ['a', 10, 10, value])) });
      const expected = greatest(
        plainView,
        values.map((value) => [value]),
        10 * day,
      );
      const rows = await asOf(store, plainView, [['a', 10]]);
      assert.deepEqual(rows[0]!.cells, expected);
      await store.materialize(plainView, { untilMs: (10 * day) / 1000 }, context());
      assert.deepEqual(rowsOf(await onlineRows(plainView, [['a']]))[0]!.cells, expected);
    });

    it('keeps nulls apart from missing rows, and leaves out rows without key or time', async () => {
      const store = await open({
        t: plain([
          ['a', 10, 10, null],
          [null, 10, 10, 1],
          ['b', null, 10, 2],
          ['c', 10, null, 3],
        ]),
      });
      const rows = await asOf(store, plainView, [
        ['a', 99],
        [null, 99],
        ['b', 99],
        ['c', 99],
      ]);
      assert.deepEqual(
        rows.map((row) => row.status),
        [status.PRESENT, status.MISSING, status.MISSING, status.MISSING],
      );
      assert.deepEqual(rows[0]!.cells, [null]);
    });

    it('answers equal requests equally, and many rows in their order', async () => {
      const store = await open({ t: plain(Array.from({ length: 50 }, (_, i) => ['a', i, i, i])) });
      const requests: Request[] = Array.from({ length: 40_000 }, (_, i) => ['a', (i * 7919) % 50]);
      const rows = await asOf(store, plainView, requests);
      assert.ok(rows.every(({ cells }, i) => cells[0] === requests[i]![1]));
    });

    it('uses only the rows that `where` names, and equal rows once where `distinct` says so', async () => {
      const store = await open({
        t: plain([
          ['a', 1, 1, 5],
          ['a', 1, 1, 5],
          ['a', 1, 1, 50],
        ]),
      });
      const counted = view({
        entity: { key: 'string' },
        source: { table: 't', eventTime: 'event', where: { value: { max: 10 } }, distinct: true },
        features: { n: { aggregate: 'count', windowDays: 1 } },
      });
      assert.deepEqual((await asOf(store, counted, [['a', 2]]))[0]!.cells, [1]);
    });

    it('uses the rows that are one of several, or none of them', async () => {
      const store = await open({
        t: plain([
          ['a', 1, 1, 1],
          ['a', 2, 2, 2],
          ['b', 3, 3, 3],
          ['c', 4, 4, null],
          ['d', 5, 5, 5],
        ]),
      });
      const kept = async (where: object): Promise<unknown[]> => {
        const of = view({ ...plainSpec, source: { ...plainSpec.source, where } });
        const keys = ['a', 'b', 'c', 'd'];
        const rows = await asOf(
          store,
          of,
          keys.map((key) => [key, 9]),
        );
        return rows.map(({ cells }) => cells[0]);
      };
      assert.deepEqual(await kept({ value: { in: [1, 3, 7] } }), [1, 3, null, null]);
      assert.deepEqual(await kept({ value: { not: [2, 3] } }), [1, null, null, 5]);
      assert.deepEqual(await kept({ value: { not: 2, max: 3 } }), [1, 3, null, null]);
      assert.deepEqual(await kept({ key: { in: ['b', "c'"] } }), [null, 3, null, null]);
      assert.deepEqual(await kept({ key: { not: 'a' } }), [null, 3, null, 5]);
    });
  });
}
