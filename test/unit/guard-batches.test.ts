import { expect } from 'chai';
import { isPartialFailure, PartialFailure, VivaceError, type ErrorCode } from 'vivace';
import { callContext } from 'vivace/testing';
import { startedStore, type Read } from '../support/probe-store.js';
import { thrownBy } from '../support/scripted.js';

interface Store {
  /** As authors without types may write it. */
  readonly getMany: (keys: readonly string[]) => unknown;
  readonly errorCode?: (error: unknown) => unknown;
  readonly synchronous?: boolean;
}

/** Reads three keys of a store that takes two at once. */
async function read({ getMany, errorCode, synchronous = false }: Store): Promise<readonly unknown[]> {
  const { part, store } = await startedStore(getMany as Read, {
    maxBatch: 2,
    synchronous,
    ...(errorCode === undefined ? {} : { errorCode: errorCode as () => ErrorCode }),
  });
  try {
    return await store.getMany(['a', 'b', 'c'], callContext());
  } finally {
    await part.stop();
  }
}

describe('guard: the answer to a batch', () => {
  for (const synchronous of [false, true]) {
    const kind = synchronous ? 'at once' : 'by a promise';
    for (const [what, answer] of [
      ['fewer values', []],
      ['more values', [undefined, undefined, undefined]],
      ['no values', undefined],
      ['an object', {}],
    ] as const) {
      it(`with ${what} than keys is refused by name, and is no miss (${kind})`, async () => {
        const getMany = (): unknown => (synchronous ? answer : Promise.resolve(answer));
        const error = await thrownBy(read({ getMany, synchronous }));
        expect(error.code).to.equal('INTERNAL');
        expect(error.message).to.match(/^hot: getMany answered .* to [12] items/);
      });
    }
  }

  it('that fails for keys which it does not name is refused', async () => {
    const away = new VivaceError('UNAVAILABLE', 'away');
    for (const failure of [
      (keys: readonly string[]) =>
        new PartialFailure(
          keys.map(() => undefined),
          [{ index: 7, error: away }],
        ),
      () => new PartialFailure([], [{ index: 0, error: away }]),
    ]) {
      const getMany = async (keys: readonly string[]): Promise<never> => Promise.reject(failure(keys));
      const error = await thrownBy(read({ getMany }));
      expect(error.code).to.equal('INTERNAL');
      expect(error.message).to.match(
        /^hot: getMany failed for some of [12] items, and does not say for which/,
      );
    }
  });

  it('may fail for a key with the error of a library', async () => {
    const down = Object.assign(new Error('down'), { code: 'ECONNRESET' });
    const getMany = async (keys: readonly string[]): Promise<readonly unknown[]> => {
      if (!keys.includes('a')) return keys.map(() => undefined);
      throw new PartialFailure(
        keys.map(() => undefined),
        [{ index: 0, error: down as unknown as VivaceError }],
      );
    };
    const error = await thrownBy(read({ getMany }));
    expect(
      isPartialFailure(error) && error.failures.map(({ index, error: { code } }) => ({ index, code })),
    ).to.deep.equal([{ index: 0, code: 'INTERNAL' }]);
  });
});

describe('guard: errorCode of a part', () => {
  const getMany = (): never => {
    throw new Error('the reason');
  };
  for (const [what, errorCode] of [
    ['throws', () => (undefined as unknown as { code: string }).code],
    ['returns no code', () => 'ECONNRESET'],
    ['returns an inherited name', () => 'constructor'],
    ['returns a promise that rejects', async () => Promise.reject(new Error('late'))],
  ] as const) {
    it(`that ${what} hides no error`, async () => {
      const error = await thrownBy(read({ getMany, errorCode }));
      expect(error.code).to.equal('INTERNAL');
      expect(error.message).to.equal('hot (probe): the reason');
    });
  }
});
