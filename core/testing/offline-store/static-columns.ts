import assert from 'node:assert/strict';
import { callContext as context } from '../start-part.js';
import type { OfflineStoreFixture } from './fixture.js';
import { asOf, rowsOf } from './rows.js';
import { plain } from './tables.js';
import { staticView } from './views.js';

/** Views without a time. */
export function staticColumns({ runner, open, onlineRows }: OfflineStoreFixture): void {
  const { describe, it } = runner;
  describe('static columns', () => {
    it('are there at every time', async () => {
      const store = await open({
        t: plain([
          ['a', 10, 10, 1],
          ['b', 10, 10, 2],
        ]),
      });
      const rows = await asOf(store, staticView, [
        ['a', -40_000],
        ['b', 1],
        ['c', 1],
      ]);
      assert.deepEqual(
        rows.map(({ cells }) => cells[0]),
        [1, 2, null],
      );
      assert.equal(rows[0]!.event, 0);
      assert.ok(rows[0]!.available > 0);
    });

    it('are materialized whatever the time', async () => {
      const store = await open({
        t: plain([
          ['a', 10, 10, 1],
          ['b', 10, 10, 2],
        ]),
      });
      const progress = await store.materialize(staticView, { untilMs: 0 }, context());
      const { read: _, ...copied } = progress;
      assert.deepEqual(copied, { rows: 2, written: 2, total: 2, untilMs: 0 });
      assert.deepEqual(rowsOf(await onlineRows(staticView, [['b']]))[0]!.cells, [2]);
    });
  });
}
