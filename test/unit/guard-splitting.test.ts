import { expect } from 'chai';
import { isPartialFailure, PartialFailure, VivaceError } from 'vivace';
import { callContext } from 'vivace/testing';
import { setImmediate as tick } from 'node:timers/promises';
import { thrown } from '../support/failure.js';
import { bytes, startedStore, type Read } from '../support/probe-store.js';

describe('guard: batches are split and joined', () => {
  it('never passes an empty batch on', async () => {
    const { store } = await startedStore(() => expect.fail('called'));
    expect(store.getMany([], callContext())).to.deep.equal([]);
  });

  it('leaves a synchronous answer synchronous', async () => {
    const { store } = await startedStore((keys) => keys.map(bytes));
    expect(store.getMany(['a'], callContext())).to.deep.equal([bytes('a')]);
  });

  it('splits at maxBatch, in order, and stays synchronous', async () => {
    const sizes: number[] = [];
    const { store } = await startedStore((keys) => (sizes.push(keys.length), keys.map(bytes)));
    const keys = Array.from('abcdefg');
    expect(store.getMany(keys, callContext())).to.deep.equal(keys.map(bytes));
    expect(sizes).to.deep.equal([3, 3, 1]);
  });

  it('puts asynchronous answers together in order', async () => {
    const { store } = await startedStore(
      async (keys) => {
        if (keys.includes('a')) await tick();
        return keys.map(bytes);
      },
      { synchronous: false },
    );
    const keys = Array.from('abcdefg');
    expect(await store.getMany(keys, callContext())).to.deep.equal(keys.map(bytes));
  });

  it('answers in part where one of the split calls fails', async () => {
    const { store } = await startedStore((keys) => {
      if (keys.includes('d')) throw new Error('down');
      return keys.map(bytes);
    });
    const error = thrown(() => store.getMany(Array.from('abcdefg'), callContext()));
    if (!isPartialFailure(error)) throw error;
    expect(error.failures.map(({ index }) => index)).to.deep.equal([3, 4, 5]);
    expect(error.failures[0]!.error.part).to.equal('hot');
    expect(error.values).to.deep.equal([
      ...Array.from('abc').map(bytes),
      undefined,
      undefined,
      undefined,
      bytes('g'),
    ]);
  });

  it('moves the indexes of a partial failure to those of the whole', async () => {
    const down = new VivaceError('UNAVAILABLE', 'down');
    const { store } = await startedStore((keys) => {
      if (keys[0] !== 'd') return keys.map(bytes);
      throw new PartialFailure([bytes('d'), undefined, bytes('f')], [{ index: 1, error: down }]);
    });
    const error = thrown(() => store.getMany(Array.from('abcdef'), callContext()));
    if (!isPartialFailure(error)) throw error;
    expect(error.failures).to.deep.equal([{ index: 4, error: down }]);
    expect(error.values[3]).to.deep.equal(bytes('d'));
  });

  it('throws a plain error where every split call fails', async () => {
    const { store } = await startedStore(() => {
      throw new Error('down');
    });
    const error = thrown(() => store.getMany(Array.from('abcdef'), callContext()));
    expect(isPartialFailure(error)).to.equal(false);
    expect(error.code).to.equal('INTERNAL');
  });

  it('leaves reads of more keys than maxJoined to themselves, split at maxBatch', async () => {
    const calls: (readonly string[])[] = [];
    const read: Read = async (keys) => {
      calls.push(keys);
      return keys.map(bytes);
    };
    const { store } = await startedStore(read, { synchronous: false, maxBatch: 3, maxJoined: 2 });
    await Promise.all(
      [['a'], ['a', 'b'], ['a', 'b', 'c', 'd']].map(async (keys) => store.getMany(keys, callContext())),
    );
    expect(calls).to.have.deep.members([['a', 'b', 'c'], ['d'], ['a', 'b']]);
  });

  it('joins concurrent reads of a store that is not synchronous', async () => {
    const calls: (readonly string[])[] = [];
    const { store } = await startedStore(async (keys) => (calls.push(keys), keys.map(bytes)), {
      synchronous: false,
    });
    const answers = await Promise.all([
      store.getMany(['a', 'b'], callContext()),
      store.getMany(['b'], callContext()),
    ]);
    expect(calls).to.deep.equal([['a', 'b']]);
    expect(answers).to.deep.equal([[bytes('a'), bytes('b')], [bytes('b')]]);
  });
});
