import { expect } from 'chai';
import { VivaceError } from 'vivace';
import { callContext } from 'vivace/testing';
import { thrown } from '../support/failure.js';
import { startedStore, storeWith } from '../support/probe-store.js';

describe('guard: errors', () => {
  it('classifies a raw error by the part, and wraps it once with its name', async () => {
    const raw = new Error('socket closed');
    const { store } = await startedStore(
      () => {
        throw raw;
      },
      { errorCode: () => 'UNAVAILABLE' },
    );
    const error = thrown(() => store.getMany(['a'], callContext()));
    expect([error.code, error.part, error.cause]).to.deep.equal(['UNAVAILABLE', 'hot', raw]);
    expect(error.message).to.equal('hot (probe): socket closed');
  });

  it('calls an error that nobody knows INTERNAL, and an aborted one CANCELLED', async () => {
    const errors = [new Error('?'), new DOMException('aborted', 'AbortError')];
    const { store } = await startedStore(() => {
      throw errors.shift() as Error;
    });
    expect(thrown(() => store.getMany(['a'], callContext())).code).to.equal('INTERNAL');
    expect(thrown(() => store.getMany(['a'], callContext())).code).to.equal('CANCELLED');
  });

  it('keeps the code of a VivaceError, and leaves one of another part as it is', async () => {
    const inner = new VivaceError('NOT_FOUND', 'no such table', { part: 'lake' });
    const errors = [new VivaceError('ABORTED', 'lost', { retryAfterMs: 5 }), inner];
    const { store } = await startedStore(() => {
      throw errors.shift() as Error;
    });
    const first = thrown(() => store.getMany(['a'], callContext()));
    expect([first.code, first.part, first.retryAfterMs]).to.deep.equal(['ABORTED', 'hot', 5]);
    expect(thrown(() => store.getMany(['a'], callContext()))).to.equal(inner);
  });

  it('wraps the rejection of a joined read for each who waits', async () => {
    const { store } = await startedStore(async () => Promise.reject(new Error('down')), {
      synchronous: false,
    });
    const errors = await Promise.all(
      ['a', 'b'].map(async (key) =>
        (async () => store.getMany([key], callContext()))().catch((error: unknown) => error as VivaceError),
      ),
    );
    for (const error of errors) expect((error as VivaceError).part).to.equal('hot');
  });

  it('wraps what start throws', async () => {
    const part = storeWith(() => [], {
      start: () => {
        throw new Error('no disk');
      },
    });
    const error = await part.start(callContext()).catch((failure: unknown) => failure as VivaceError);
    expect([error?.part, error?.code]).to.deep.equal(['hot', 'INTERNAL']);
  });
});
