import { expect } from 'chai';
import { cacheStore, defineAdapter, keyValueStore, type CacheEntry, type KeyValueStore } from 'vivace';
import { cacheStoreContract, keyValueStoreContract, makePart } from 'vivace/testing';
import { z } from 'zod';
import { contractFailures } from '../support/contract-failures.js';

const same = (value: Uint8Array): Uint8Array => value;
const copy = (value: Uint8Array): Uint8Array => value.slice();

/** How a store treats bytes; a right one copies on both ways. */
interface Treatment {
  readonly taken: (value: Uint8Array) => Uint8Array;
  readonly given: (values: readonly (Uint8Array | undefined)[]) => (Uint8Array | undefined)[];
}

const each =
  (one: (value: Uint8Array) => Uint8Array): Treatment['given'] =>
  (values) =>
    values.map((value) => value && one(value));

/** One buffer for all that is read, as an adapter over a native library may have it. */
function scratch(): Treatment['given'] {
  const buffer = new Uint8Array(200_000);
  return (values) => {
    let at = 0;
    return values.map((value) => {
      if (value === undefined) return undefined;
      buffer.set(value, at);
      at += value.length;
      return buffer.subarray(at - value.length, at);
    });
  };
}

/** A key that is asked for twice is read once. */
const once: Treatment['given'] = (values) => {
  const copies = new Map<Uint8Array, Uint8Array>();
  return values.map((value) => {
    if (value !== undefined && !copies.has(value)) copies.set(value, value.slice());
    return value && copies.get(value);
  });
};

const wrong: Readonly<Record<string, { readonly treatment: Treatment; readonly fails: string }>> = {
  'gives its own buffers': {
    treatment: { taken: copy, given: each(same) },
    fails: 'keeps what it holds, whatever a caller writes to an answer',
  },
  'keeps the buffers of its callers': {
    treatment: { taken: same, given: each(copy) },
    fails: 'keeps what it was given, whatever the caller writes to the buffer afterwards',
  },
  'reads into one buffer': {
    treatment: { taken: copy, given: scratch() },
    fails: 'gives bytes that later writes and reads do not change',
  },
  'gives one buffer for a key that is asked for twice': {
    treatment: { taken: copy, given: once },
    fails: 'gives each caller bytes of their own, also for a key that is asked for twice',
  },
};
const right: Treatment = { taken: copy, given: each(copy) };

function keyValueFailures({ taken, given }: Treatment): Promise<string[]> {
  const definition = defineAdapter({
    provides: keyValueStore,
    name: 'table',
    options: z.strictObject({}),
    create: (): KeyValueStore => {
      const values = new Map<string, Uint8Array>();
      return {
        supports: { maxBatch: 100 },
        getMany: async (keys) => given(keys.map((key) => values.get(key))),
        putNewest: async (entries) =>
          entries.map(({ key, value }) => {
            const stored = values.get(key);
            if (stored !== undefined && Buffer.compare(stored, value) >= 0) return false;
            values.set(key, taken(value));
            return true;
          }),
      };
    },
  });
  return contractFailures((runner) => keyValueStoreContract({ runner, make: () => makePart(definition) }));
}

function cacheFailures({ taken, given }: Treatment): Promise<string[]> {
  let nowMs = 0;
  const definition = defineAdapter({
    provides: cacheStore,
    name: 'cached',
    options: z.strictObject({}),
    create: () => {
      const entries = new Map<string, CacheEntry>();
      return {
        supports: { maxBatch: 100 },
        getMany: async (keys) =>
          given(
            keys.map((key) => {
              const entry = entries.get(key);
              return entry === undefined || entry.ttlMs <= nowMs ? undefined : entry.value;
            }),
          ),
        setMany: async (all) => {
          for (const { key, value, ttlMs } of all)
            entries.set(key, { key, value: taken(value), ttlMs: nowMs + ttlMs });
        },
      };
    },
  });
  return contractFailures((runner) =>
    cacheStoreContract({
      runner,
      make: () => makePart(definition),
      advance: (durationMs) => void (nowMs += durationMs),
    }),
  );
}

for (const [contract, failures] of Object.entries({
  KeyValueStore: keyValueFailures,
  CacheStore: cacheFailures,
})) {
  describe(`The ${contract} contract`, () => {
    it('passes a store that copies what it takes and gives', async () => {
      expect(await failures(right)).to.deep.equal([]);
    });

    for (const [what, { treatment, fails }] of Object.entries(wrong)) {
      it(`fails a store that ${what}`, async () => {
        expect(await failures(treatment)).to.include(fails);
      });
    }
  });
}
