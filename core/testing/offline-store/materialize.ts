import assert from 'node:assert/strict';
import { status } from '../../data/status.js';
import { isVivaceError } from '../../kernel/errors.js';
import { microsPerDay as day, millisPerDay } from '../../kernel/time.js';
import { cellsOf } from '../cells-of.js';
import { callContext as context } from '../start-part.js';
import { view } from '../view.js';
import type { OfflineStoreFixture } from './fixture.js';
import { asOf, bytesOf, read, rowsOf } from './rows.js';
import { plain } from './tables.js';
import { countedView, plainView, staticView } from './views.js';

/** Copies to the online store, beside what as-of reads find. */
export function materialize({ runner, open, onlineRows }: OfflineStoreFixture): void {
  const { describe, it } = runner;
  describe('materialize', () => {
    it('copies for each key what an as-of read finds at that time, byte for byte', async () => {
      // Known before their event, with it, and after it; some with the times of another.
      const rows = Array.from(
        { length: 400 },
        (_, i) =>
          [`k${i % 37}`, (i * 7) % 50, ((i * 7) % 50) + (i % 7) - 3, i % 11 === 0 ? null : i / 3] as const,
      );
      const store = await open({ t: plain(rows) });
      const keys = Array.from({ length: 38 }, (_, i) => [`k${i}`]);
      for (const until of [20, 30, 31, 49]) {
        const requests = keys.map(([key]) => [key as string, until] as const);
        await store.materialize(plainView, { untilMs: (until * day) / 1000 }, context());
        const stored = await onlineRows(plainView, keys);
        const found = await read(store, plainView, requests);
        assert.deepEqual([...stored.status], [...found.status]);
        assert.deepEqual(bytesOf(plainView, stored), bytesOf(plainView, found));
      }
    });

    it('copies a row once its event has happened and it is known, as an as-of read finds it', async () => {
      const store = await open({
        t: plain([
          ['a', 10, 9, 10],
          ['a', 11, 9, 11],
          ['a', 15, 9, 15],
        ]),
      });
      for (const [until, expected] of [
        [9.5, null],
        [11.5, 11],
        [15, 15],
      ] as const) {
        await store.materialize(plainView, { untilMs: (until * day) / 1000 }, context());
        assert.deepEqual(rowsOf(await onlineRows(plainView, [['a']]))[0]!.cells, [expected]);
        assert.deepEqual((await asOf(store, plainView, [['a', until]]))[0]!.cells, [expected]);
      }
    });

    it('includes rows dated exactly `until`, and nothing known only later', async () => {
      const store = await open({
        t: plain([
          ['a', 10, 10, 1],
          ['a', 11, 11, 2],
          ['a', 12, 12, 3],
          ['b', 10, 20, 4],
        ]),
      });
      const progress = await store.materialize(plainView, { untilMs: (11 * day) / 1000 }, context());
      const { read: _, ...copied } = progress;
      assert.deepEqual(copied, { rows: 1, written: 1, total: 1, untilMs: (11 * day) / 1000 });
      assert.deepEqual(
        rowsOf(await onlineRows(plainView, [['a'], ['b']])).map(({ cells }) => cells[0]),
        [2, null],
      );
    });

    it('changes nothing when repeated, and goes on where it is repeated with a later time', async () => {
      const store = await open({
        t: plain([
          ['a', 10, 10, 1],
          ['a', 12, 12, 3],
        ]),
      });
      const seen: number[] = [];
      const run = (until: number) =>
        store.materialize(
          plainView,
          { untilMs: (until * day) / 1000, onProgress: ({ rows }) => seen.push(rows) },
          context(),
        );
      assert.equal((await run(11)).written, 1);
      assert.equal((await run(11)).written, 0);
      assert.equal((await run(12)).written, 1);
      assert.equal(seen.at(-1), 1);
    });

    it('gives one row of each key, as it copies them, and writes nothing', async () => {
      const rows = plain([
        ['a', 10, 10, 1],
        ['a', 12, 12, 3],
        ['a', 12, 13, 4],
        ['a', 30, 30, 5],
        ['b', 11, 11, null],
        ['c', 20, 20, 7],
      ]);
      const store = await open({ t: rows });
      const found = await store.newest?.(plainView, { untilMs: (14 * day) / 1000 }, context());
      if (found === undefined) return;
      const cells = await cellsOf(found.batches);
      cells.sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
      assert.deepEqual(cells, [
        ['a', BigInt(12 * day), BigInt(13 * day), 4],
        ['b', BigInt(11 * day), BigInt(11 * day), null],
      ]);
      assert.deepEqual([...(await onlineRows(plainView, [['a']])).status], [status.MISSING]);
    });

    it('estimates what it would be billed for, or says that it is nothing, and writes nothing', async () => {
      const store = await open({ t: plain([['a', 10, 10, 1]]) });
      for (const of of [plainView, staticView, countedView]) {
        const estimate = await store.estimate?.(of, { untilMs: (11 * day) / 1000 }, context());
        assert.ok(estimate === undefined || (Number.isSafeInteger(estimate.bytes) && estimate.bytes >= 0));
      }
      const stored = await onlineRows(plainView, [['a']]);
      assert.deepEqual([...stored.status], [status.MISSING]);
    });

    it('says which days of a source are not what a ledger has, and how many rows more there are', async () => {
      const store = await open({
        t: plain([
          ['a', 10, 10, 1],
          ['b', 10, 12, 2],
          ['a', 11, 11, 3],
        ]),
      });
      if (store.changed === undefined) return;
      for (const [until, expected] of [
        [9, []],
        [10, [{ first: 10, last: 10, rows: 1 }]],
        [
          20,
          [
            { first: 10, last: 10, rows: 2 },
            { first: 11, last: 11, rows: 1 },
          ],
        ],
      ] as const) {
        const closed = { until: until * day, periods: {} };
        assert.deepEqual(await store.changed(plainView, { closed }, context()), expected);
      }
      assert.equal(await store.changed(plainView, {}, context()), undefined);
    });

    it('refuses an end in the future, for which rows are missing yet, and copies nothing', async () => {
      const store = await open({ t: plain([['a', 10, 10, 1]]) });
      for (const of of [plainView, countedView, staticView])
        await assert.rejects(
          store.materialize(of, { untilMs: Date.now() + millisPerDay }, context()),
          (error) => isVivaceError(error) && error.code === 'INVALID_ARGUMENT',
        );
      assert.deepEqual([...(await onlineRows(plainView, [['a']])).status], [status.MISSING]);
    });

    for (const [what, source] of [
      ['only pushed', {}],
      ['pushed, and kept in a log', { source: { push: true, log: 'log' } }],
    ] as const)
      it(`refuses a view whose rows are ${what}`, async () => {
        const store = await open({ t: plain([]) });
        const pushed = view({ entity: { key: 'string' }, features: { x: { type: 'float32' } }, ...source });
        const closed = { until: 0, periods: {} };
        for (const ask of [
          () => store.materialize(pushed, { untilMs: 0 }, context()),
          () => store.checkView(pushed, context()),
          () => store.openAsOf([pushed], context()),
          ...(store.changed === undefined ? [] : [() => store.changed!(pushed, { closed }, context())]),
          ...(store.newest === undefined ? [] : [() => store.newest!(pushed, { untilMs: 0 }, context())]),
        ])
          await assert.rejects(
            async () => ask(),
            (error) => isVivaceError(error) && error.code === 'FAILED_PRECONDITION',
          );
      });
  });
}
