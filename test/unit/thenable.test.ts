import { expect } from 'chai';
import { runInNewContext } from 'node:vm';
import { isThenable } from '../../core/kernel/thenable.js';
import { ForeignPromise } from '../support/foreign-promise.js';

const withThen = (then: unknown): object => {
  const value: Record<string, unknown> = {};
  // oxlint-disable-next-line unicorn/no-thenable -- the point of the test
  value['then'] = then;
  return value;
};

describe('isThenable', () => {
  it('knows a promise of this realm, of another and of another library', () => {
    for (const value of [
      Promise.resolve(),
      runInNewContext('Promise.resolve()'),
      new ForeignPromise(Promise.resolve()),
      withThen(() => undefined),
    ])
      expect(isThenable(value)).to.equal(true);
  });

  it('takes nothing else for one', () => {
    for (const value of [undefined, null, 0, '', 'then', [], {}, () => undefined, withThen(1)])
      expect(isThenable(value)).to.equal(false);
  });
});
