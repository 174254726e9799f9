import { expect } from 'chai';
import { disposeAll } from 'vivace';
import { failureOf } from '../support/failure.js';

describe('disposeAll', () => {
  const disposed: number[] = [];
  beforeEach(() => void disposed.splice(0));
  const thing = (id: number, failure?: string): AsyncDisposable => ({
    async [Symbol.asyncDispose]() {
      disposed.push(id);
      if (failure !== undefined) throw new Error(failure);
    },
  });

  it('disposes of the last one first', async () => {
    await disposeAll([thing(1), thing(2), thing(3)]);
    expect(disposed).to.deep.equal([3, 2, 1]);
  });

  it('goes on where one fails, and throws the first failure', async () => {
    const failure = await failureOf(disposeAll([thing(1), thing(2, 'second'), thing(3, 'third'), thing(4)]));
    expect(failure).to.equal('Error: third');
    expect(disposed).to.deep.equal([4, 3, 2, 1]);
  });
});
