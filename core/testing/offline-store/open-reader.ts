import assert from 'node:assert/strict';
import type { Cell } from '../../data/column.js';
import { isVivaceError } from '../../kernel/errors.js';
import type { AsOfReader } from '../../ports/offline-store.js';
import { callContext as context } from '../start-part.js';
import type { OfflineStoreFixture } from './fixture.js';
import { requested, rowsOf } from './rows.js';
import { plain } from './tables.js';
import { plainView } from './views.js';

/** The reader of `openAsOf`, until it is disposed of. */
export function openReader({ runner, open, part }: OfflineStoreFixture): void {
  const { describe, it } = runner;
  describe('an open reader', () => {
    const newest = async (reader: AsOfReader): Promise<Cell | undefined> =>
      rowsOf(await reader.read(plainView, requested(plainView, [['a', 99]]), context()))[0]!.cells[0];

    it('reads views again and again, a view that was named twice too, until it is disposed of', async () => {
      const store = await open({ t: plain([['a', 10, 10, 1]]) });
      const reader = await store.openAsOf([plainView, plainView], context());
      assert.deepEqual([await newest(reader), await newest(reader)], [1, 1]);
      await Promise.all([reader[Symbol.asyncDispose](), reader[Symbol.asyncDispose]()]);
      await reader[Symbol.asyncDispose]();
      await assert.rejects(
        async () => newest(reader),
        (error) => isVivaceError(error) && error.code === 'FAILED_PRECONDITION',
      );
    });

    it('hands on what its user throws, as it is', async () => {
      const store = await open({ t: plain([['a', 10, 10, 1]]) });
      const thrown = new TypeError('as the test asked');
      const failing = async (): Promise<void> => {
        await using reader = await store.openAsOf([plainView], context());
        await newest(reader);
        throw thrown;
      };
      await assert.rejects(failing, (error) => error === thrown);
    });

    it('keeps the store from stopping, and goes on reading meanwhile', async () => {
      const store = await open({ t: plain([['a', 10, 10, 1]]) });
      const reader = await store.openAsOf([plainView], context());
      const stopping = part().stop(60_000);
      assert.equal(await newest(reader), 1);
      assert.equal(part().guarded.state, 'stopping');
      await reader[Symbol.asyncDispose]();
      await stopping;
    });
  });
}
