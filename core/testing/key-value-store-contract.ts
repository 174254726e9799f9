import assert from 'node:assert/strict';
import type { RunningPart } from '../parts/create-part.js';
import { keyValueStore, type KeyValueStore } from '../ports/key-value-store.js';
import { callContext } from './start-part.js';
import type { ContractSetup } from './runner.js';
import { lifecycleContract } from './lifecycle-contract.js';
import { ownBytesTests } from './own-bytes.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const context = callContext;

/**
 * What every `KeyValueStore` promises.
 *
 * @param setup.make Gives a part over an empty store, not started.
 */
export function keyValueStoreContract({ runner, make }: ContractSetup<RunningPart>): void {
  const { describe, it, beforeEach, afterEach } = runner;
  describe('KeyValueStore contract', () => {
    let part: RunningPart;
    let store: KeyValueStore;
    beforeEach(async () => {
      part = await make();
      await part.start(context());
      store = part.face(keyValueStore);
    });
    afterEach(() => part.stop());

    it('answers in the order of the keys, with undefined for those it does not hold', async () => {
      await store.putNewest(
        [
          { key: 'a', value: bytes(1) },
          { key: 'b', value: bytes(2) },
        ],
        context(),
      );
      const values = await store.getMany(['b', 'nope', 'a', 'b'], context());
      assert.deepEqual(
        values.map((value) => value && [...value]),
        [[2], undefined, [1], [2]],
      );
    });

    it('answers an empty batch with an empty answer', async () => {
      assert.deepEqual([...(await store.getMany([], context()))], []);
      assert.deepEqual([...(await store.putNewest([], context()))], []);
    });

    it('keeps bytes exactly: zeros, high bytes, an empty value, 100 kB', async () => {
      const large = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 31) & 255);
      await store.putNewest(
        [
          { key: 'zeros', value: bytes(0, 0, 255) },
          { key: 'empty', value: bytes() },
          { key: 'large', value: large },
        ],
        context(),
      );
      const [zeros, empty, read] = await store.getMany(['zeros', 'empty', 'large'], context());
      assert.deepEqual([...zeros!], [0, 0, 255]);
      assert.equal(empty?.length, 0);
      assert.ok(Buffer.from(read!).equals(large));
    });

    it('takes unicode keys and keys of 250 bytes', async () => {
      const keys = ['żółć/東京', '%20 :/', 'k'.repeat(250)];
      await store.putNewest(
        keys.map((key, i) => ({ key, value: bytes(i) })),
        context(),
      );
      assert.deepEqual(
        (await store.getMany(keys, context())).map((value) => value?.[0]),
        [0, 1, 2],
      );
    });

    it('keeps the bytewise greater value, in whatever order the writes come', async () => {
      await store.putNewest([{ key: 'k', value: bytes(2, 0) }], context());
      const written = await store.putNewest([{ key: 'k', value: bytes(1, 255, 255) }], context());
      assert.deepEqual([...written], [false]);
      assert.deepEqual([...(await store.getMany(['k'], context()))[0]!], [2, 0]);
      assert.deepEqual(
        [...(await store.putNewest([{ key: 'k', value: bytes(2, 0, 0) }], context()))],
        [true],
      );
      assert.deepEqual([...(await store.getMany(['k'], context()))[0]!], [2, 0, 0]);
    });

    it('says that an equal value was not written', async () => {
      await store.putNewest([{ key: 'k', value: bytes(7) }], context());
      assert.deepEqual([...(await store.putNewest([{ key: 'k', value: bytes(7) }], context()))], [false]);
    });

    it('compares bytes as unsigned', async () => {
      await store.putNewest([{ key: 'k', value: bytes(127) }], context());
      assert.deepEqual([...(await store.putNewest([{ key: 'k', value: bytes(128) }], context()))], [true]);
    });

    it('lets the greatest of several entries with one key win', async () => {
      await store.putNewest(
        [5, 9, 3].map((value) => ({ key: 'k', value: bytes(value) })),
        context(),
      );
      assert.deepEqual([...(await store.getMany(['k'], context()))[0]!], [9]);
    });

    it('keeps the greatest of writes that run at the same time', async () => {
      const order = Array.from({ length: 50 }, (_, i) => (i * 37) % 50);
      await Promise.all(
        order.map(async (value) => store.putNewest([{ key: 'race', value: bytes(value) }], context())),
      );
      assert.deepEqual([...(await store.getMany(['race'], context()))[0]!], [49]);
    });

    it('takes more entries and keys than one batch holds', async () => {
      const count = Math.min(store.supports.maxBatch * 2 + 1, 20_001);
      const entries = Array.from({ length: count }, (_, i) => ({
        key: `n${i}`,
        value: bytes(i & 255, i >> 8),
      }));
      await store.putNewest(entries, context());
      const values = await store.getMany(
        entries.map((entry) => entry.key),
        context(),
      );
      assert.equal(values.length, count);
      values.forEach((value, i) => assert.deepEqual([value?.[0], value?.[1]], [i & 255, i >> 8]));
    });

    ownBytesTests(it, () => ({
      read: (keys, call) => store.getMany(keys, call),
      write: (entries, call) => store.putNewest(entries, call),
    }));

    it('drops the entries whose keys begin with a text, and no others, where it can', async () => {
      if (store.dropPrefix === undefined) return;
      const names = Array.from({ length: 2500 }, (_, i) => `h:${i}`);
      const others = ['g', 'h', 'h;', 'hh:1', 'i', 'h*:1', 'h[:]'];
      for (let from = 0; from < names.length; from += 500)
        await store.putNewest(
          names.slice(from, from + 500).map((key) => ({ key, value: bytes(1) })),
          context(),
        );
      await store.putNewest(
        others.map((key) => ({ key, value: bytes(2) })),
        context(),
      );
      assert.equal(await store.dropPrefix('h:', context()), 2500);
      assert.deepEqual(
        (await store.getMany(names.slice(0, 3), context())).map((value) => value?.length),
        [undefined, undefined, undefined],
      );
      assert.ok((await store.getMany(others, context())).every((value) => value !== undefined));
      assert.equal(await store.dropPrefix('h:', context()), 0);
      // Characters that a pattern might mean otherwise.
      assert.equal(await store.dropPrefix('h*', context()), 1);
      assert.equal(await store.dropPrefix('h[', context()), 1);
      assert.ok((await store.getMany(['h', 'h;', 'hh:1'], context())).every((value) => value !== undefined));
    });

    lifecycleContract({
      runner,
      make,
      port: keyValueStore,
      calls: {
        getMany: (started, call) => started.getMany(['x'], call),
        putNewest: (started, call) => started.putNewest([{ key: 'x', value: bytes(1) }], call),
        dropPrefix: (started, call) => started.dropPrefix?.('x', call),
        advise: (started, call) => started.advise?.(call),
      },
    });
  });
}
