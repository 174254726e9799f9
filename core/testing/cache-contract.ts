import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  isPartialFailure,
  isVivaceError,
  PartialFailure,
  VivaceError,
  type ErrorCode,
} from '../kernel/errors.js';
import type { CallContext } from '../kernel/call.js';
import type { RunningPart } from '../parts/create-part.js';
import { cache, type Cache } from '../ports/cache.js';
import { lifecycleContract } from './lifecycle-contract.js';
import type { ContractSetup } from './runner.js';
import { callContext } from './start-part.js';

const context = callContext;
const ttl = { ttlMs: 60_000 };
const byte = (value: number): Uint8Array => Uint8Array.of(value);
const first = (values: readonly unknown[]): unknown[] =>
  values.map((value) => (value as Uint8Array | undefined)?.[0]);
const has = (code: ErrorCode) => (error: unknown) => isVivaceError(error) && error.code === code;
const nothing = (): never => assert.fail('there is nothing to load');

/** What every `Cache` promises. */
export function cacheContract({ runner, make }: ContractSetup<RunningPart>): void {
  const { describe, it, beforeEach, afterEach } = runner;
  describe('Cache contract', () => {
    let part: RunningPart;
    let subject: Cache;
    beforeEach(async () => {
      part = await make();
      await part.start(context());
      subject = part.face(cache);
    });
    afterEach(() => part.stop());

    it('loads what it does not hold, and answers in the order of the keys', async () => {
      await subject.through(['b'], () => [byte(9)], ttl, context());
      await sleep(5);
      let asked: readonly number[] = [];
      const { values, hits } = await subject.through(
        ['a', 'b', 'c'],
        (missing) => (asked = missing).map(byte),
        ttl,
        context(),
      );
      assert.deepEqual([...asked], [0, 2]);
      assert.deepEqual(first(values), [0, 9, 2]);
      assert.equal(hits, 1);
    });

    it('answers no keys with no values', async () => {
      assert.deepEqual([...(await subject.through([], nothing, ttl, context())).values], []);
    });

    it('answers undefined and does not keep it', async () => {
      assert.deepEqual(
        [...(await subject.through(['a'], () => [undefined], ttl, context())).values],
        [undefined],
      );
      await sleep(5);
      assert.deepEqual(first((await subject.through(['a'], () => [byte(1)], ttl, context())).values), [1]);
    });

    it('loads a key once for all who ask at the same time', async () => {
      let loads = 0;
      const load = async (missing: readonly number[]): Promise<Uint8Array[]> => {
        loads++;
        await sleep(5);
        return missing.map(byte);
      };
      const answers = await Promise.all(
        Array.from({ length: 10 }, async () => subject.through(['a', 'b'], load, ttl, context())),
      );
      for (const { values } of answers) assert.deepEqual(first(values), [0, 1]);
      assert.equal(loads, 1);
    });

    it('answers the others where one caller gives up, whichever of them loads', async () => {
      const leaving = new AbortController();
      const load = async (): Promise<Uint8Array[]> => {
        await sleep(10, undefined, { signal: leaving.signal }).catch(() => {
          throw new VivaceError('CANCELLED', 'given up');
        });
        return [byte(1)];
      };
      const left = subject.through(['a'], load, ttl, { signal: leaving.signal });
      const stayed = subject.through(['a'], () => [byte(2)], ttl, context());
      leaving.abort();
      await assert.rejects(left, has('CANCELLED'));
      assert.ok([1, 2].includes(first((await stayed).values)[0] as number));
    });

    it('aborts a load when all its callers have left, not when the one that began it leaves', async () => {
      let told: AbortSignal | undefined;
      let begin: () => void = () => undefined;
      const begun = new Promise<void>((resolve) => (begin = resolve));
      const load = (_: readonly number[], { signal }: CallContext): Promise<never> => {
        told = signal;
        begin();
        return new Promise(() => undefined);
      };
      const callers = [new AbortController(), new AbortController()];
      const left = callers.map(async ({ signal }) => subject.through(['a'], load, ttl, { signal }));
      await begun;
      callers[0]!.abort();
      await assert.rejects(left[0]!, has('CANCELLED'));
      assert.equal(told!.aborted, false);
      callers[1]!.abort();
      await assert.rejects(left[1]!, has('CANCELLED'));
      assert.equal(told!.aborted, true);
      assert.deepEqual(first((await subject.through(['a'], () => [byte(3)], ttl, context())).values), [3]);
    });

    it('loads the keys of one caller on their own where a shared load failed for a key of another caller', async () => {
      const ask = async (keys: readonly string[]): Promise<unknown[]> => {
        const load = async (missing: readonly number[]): Promise<Uint8Array[]> => {
          await sleep(1);
          if (missing.some((index) => keys[index] === 'poison')) throw new Error('poison');
          return missing.map(() => byte(5));
        };
        return first((await subject.through(keys, load, ttl, context())).values);
      };
      const poisoned = assert.rejects(ask(['poison', 'a']), has('INTERNAL'));
      assert.deepEqual(await ask(['a']), [5]);
      await poisoned;
    });

    it('throws what the load threw, and loads anew afterwards', async () => {
      const failing = (): never => {
        throw new VivaceError('UNAVAILABLE', 'down');
      };
      await assert.rejects(subject.through(['a'], failing, ttl, context()), has('UNAVAILABLE'));
      assert.deepEqual(first((await subject.through(['a'], () => [byte(1)], ttl, context())).values), [1]);
    });

    it('fails only the keys that a load could not give', async () => {
      const partly = (): never => {
        throw new PartialFailure(
          [byte(0), undefined],
          [{ index: 1, error: new VivaceError('UNAVAILABLE', 'down') }],
        );
      };
      await assert.rejects(subject.through(['a', 'b'], partly, ttl, context()), (error) => {
        assert.ok(isPartialFailure(error));
        assert.deepEqual(
          error.failures.map(({ index }) => index),
          [1],
        );
        assert.deepEqual(first(error.values), [0, undefined]);
        return true;
      });
    });

    lifecycleContract({
      runner,
      make,
      port: cache,
      calls: { through: (started, call) => started.through(['x'], () => [byte(1)], ttl, call) },
    });
  });
}
