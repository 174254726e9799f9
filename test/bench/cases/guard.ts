import { defineAdapter, keyValueStore, type KeyValueStore } from 'vivace';
import { startPart } from 'vivace/testing';
import { z } from 'zod';
import { figure, type BenchCase } from '../bench-case.js';
import { interleave, timed } from '../measure.js';

const calls = 1_000_000;

const nothing = [undefined];
const store: KeyValueStore = {
  supports: { maxBatch: 100, synchronous: true },
  getMany: () => nothing,
  putNewest: () => [],
};

/** Answers at once, and does nothing else. */
const still = defineAdapter({
  provides: keyValueStore,
  name: 'still',
  options: z.strictObject({}),
  create: () => store,
});

/** (g) What the guard adds to a call that answers at once, tracing off. */
export const benchCase: BenchCase = {
  title: 'a guarded operation against the bare method, tracing off',
  async run() {
    const part = await startPart(still);
    const guarded = part.face(keyValueStore);
    const context = { signal: new AbortController().signal };
    const keys = ['a'];
    const callsOf = (called: KeyValueStore) => async () =>
      timed(calls, () => {
        for (let i = 0; i < calls; i++) void called.getMany(keys, context);
      });
    const { vivace, floor } = await interleave(
      { vivace: callsOf(guarded), floor: callsOf(store) },
      { rounds: 9 },
    );
    await part.stop();
    const added = (vivace.wallMicros - floor.wallMicros) * 1000;
    return [
      {
        what: 'per call, beyond the method',
        vivace: figure(added, 'ns'),
        floor: figure(floor.wallMicros * 1000, 'ns'),
        target: '< 1,000 ns',
        reached: added < 1000,
      },
    ];
  },
};
