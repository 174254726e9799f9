import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningPart } from '../parts/create-part.js';
import { cacheStore, type CacheStore } from '../ports/cache-store.js';
import { lifecycleContract } from './lifecycle-contract.js';
import { ownBytesTests } from './own-bytes.js';
import type { ContractSetup } from './runner.js';
import { callContext } from './start-part.js';

const context = callContext;
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const ttlMs = 60_000;

export interface CacheStoreSetup extends ContractSetup<RunningPart> {
  /** Lets time pass for the store. Default: waits. */
  readonly advance?: (durationMs: number) => void | Promise<void>;
}

/** What every `CacheStore` promises. */
export function cacheStoreContract({ runner, make, advance = sleep }: CacheStoreSetup): void {
  const { describe, it, beforeEach, afterEach } = runner;
  describe('CacheStore contract', () => {
    let part: RunningPart;
    let store: CacheStore;
    beforeEach(async () => {
      part = await make();
      await part.start(context());
      store = part.face(cacheStore);
    });
    afterEach(() => part.stop());

    it('answers in the order of the keys, with undefined for those it does not hold', async () => {
      await store.setMany(
        [
          { key: 'a', value: bytes(1), ttlMs },
          { key: 'b', value: bytes(2), ttlMs },
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
      await store.setMany([], context());
    });

    it('keeps bytes exactly: zeros, high bytes, an empty value, 100 kB', async () => {
      const large = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 31) & 255);
      const values = { zeros: bytes(0, 0, 255), empty: bytes(), large };
      await store.setMany(
        Object.entries(values).map(([key, value]) => ({ key, value, ttlMs })),
        context(),
      );
      const read = await store.getMany(Object.keys(values), context());
      Object.values(values).forEach((value, i) => assert.ok(Buffer.from(read[i]!).equals(value)));
    });

    it('takes unicode keys and keys of 250 bytes', async () => {
      const keys = ['żółć/東京', '%20 :/', 'k'.repeat(250)];
      await store.setMany(
        keys.map((key, i) => ({ key, value: bytes(i), ttlMs })),
        context(),
      );
      assert.deepEqual(
        (await store.getMany(keys, context())).map((value) => value?.[0]),
        [0, 1, 2],
      );
    });

    it('replaces an entry', async () => {
      await store.setMany([{ key: 'k', value: bytes(9), ttlMs }], context());
      await store.setMany([{ key: 'k', value: bytes(1), ttlMs }], context());
      assert.deepEqual([...(await store.getMany(['k'], context()))[0]!], [1]);
    });

    it('forgets an entry after its time to live, and only that', async () => {
      await store.setMany(
        [
          { key: 'short', value: bytes(1), ttlMs: 20 },
          { key: 'long', value: bytes(2), ttlMs },
        ],
        context(),
      );
      await advance(40);
      const values = await store.getMany(['short', 'long'], context());
      assert.deepEqual(
        values.map((value) => value?.[0]),
        [undefined, 2],
      );
    });

    it('counts the time to live from the last write', async () => {
      await store.setMany([{ key: 'k', value: bytes(1), ttlMs: 20 }], context());
      await store.setMany([{ key: 'k', value: bytes(2), ttlMs }], context());
      await advance(40);
      assert.equal((await store.getMany(['k'], context()))[0]?.[0], 2);
    });

    it('takes more entries and keys than one batch holds', async () => {
      const count = Math.min(store.supports.maxBatch * 2 + 1, 20_001);
      const entries = Array.from({ length: count }, (_, i) => ({
        key: `n${i}`,
        value: bytes(i & 255),
        ttlMs,
      }));
      await store.setMany(entries, context());
      const values = await store.getMany(
        entries.map((entry) => entry.key),
        context(),
      );
      assert.equal(values.length, count);
      values.forEach((value, i) => assert.equal(value?.[0], i & 255));
    });

    ownBytesTests(it, () => ({
      read: (keys, call) => store.getMany(keys, call),
      write: (entries, call) =>
        store.setMany(
          entries.map((entry) => ({ ...entry, ttlMs })),
          call,
        ),
    }));

    lifecycleContract({
      runner,
      make,
      port: cacheStore,
      calls: {
        getMany: (started, call) => started.getMany(['x'], call),
        setMany: (started, call) => started.setMany([{ key: 'x', value: bytes(1), ttlMs }], call),
      },
    });
  });
}
