import { assert } from 'chai';
import { ahead } from '../../core/offline/ahead.js';

describe('ahead', () => {
  it('works on the next item while the caller has one, and on no more', async () => {
    const said: string[] = [];
    async function* items(): AsyncGenerator<number> {
      for (const item of [1, 2, 3]) {
        said.push(`made ${item}`);
        yield await Promise.resolve(item);
      }
    }
    for await (const item of ahead(items())) {
      await new Promise(setImmediate);
      said.push(`used ${item}`);
    }
    assert.deepEqual(said, ['made 1', 'made 2', 'used 1', 'made 3', 'used 2', 'used 3']);
  });

  it('fails where the items do, behind those that came before', async () => {
    async function* items(): AsyncGenerator<number> {
      yield await Promise.resolve(1);
      throw new RangeError('the second');
    }
    const used: number[] = [];
    let failure: unknown;
    try {
      for await (const item of ahead(items())) {
        await new Promise(setImmediate);
        used.push(item);
      }
    } catch (error) {
      failure = error;
    }
    assert.deepEqual(used, [1]);
    assert.instanceOf(failure, RangeError);
  });

  it('ends the items of a caller who leaves, also if the next one fails', async () => {
    const said: string[] = [];
    async function* items(): AsyncGenerator<number> {
      try {
        yield await Promise.resolve(1);
        throw new RangeError('nobody hears of it');
      } finally {
        said.push('ended');
      }
    }
    for await (const item of ahead(items())) {
      said.push(`used ${item}`);
      break;
    }
    assert.sameMembers(said, ['used 1', 'ended']);
  });
});
