import { expect } from 'chai';
import { isPartialFailure, PartialFailure, VivaceError, type CallContext } from 'vivace';
import { coalesce } from '../../core/parts/coalesce.js';

/** Reads that answer when they are told to. */
class Reads {
  readonly calls: {
    keys: readonly string[];
    signal: AbortSignal;
    deadline: number | undefined;
    answer: () => void;
    fail: (error: unknown) => void;
  }[] = [];
  readonly read = (keys: readonly string[], { signal, deadline }: CallContext): Promise<string[]> =>
    new Promise((resolve, reject) => {
      const answer = (): void => resolve(keys.map((key) => `${key}!`));
      this.calls.push({ keys, signal, deadline, answer, fail: reject });
    });
}

const context = (signal = new AbortController().signal): CallContext => ({ signal });
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const down = new VivaceError('UNAVAILABLE', 'down');

describe('coalesce', () => {
  let reads: Reads;
  let get: (keys: readonly string[], context: CallContext) => Promise<readonly string[]>;
  beforeEach(() => {
    reads = new Reads();
    get = coalesce(reads.read);
  });
  const call = (index: number): (typeof reads.calls)[number] => reads.calls[index]!;

  it('joins the reads of one tick into one call, each key once', async () => {
    const answers = Promise.all([get(['a', 'b'], context()), get(['b', 'c', 'b'], context())]);
    await tick();
    expect(reads.calls.map(({ keys }) => keys)).to.deep.equal([['a', 'b', 'c']]);
    call(0).answer();
    expect(await answers).to.deep.equal([
      ['a!', 'b!'],
      ['b!', 'c!', 'b!'],
    ]);
  });

  it('gives whoever began a batch alone, or found it begun, his keys in his order', async () => {
    const answers = Promise.all([get(['a', 'b'], context()), get(['b', 'a'], context())]);
    await tick();
    const later = get(['b', 'a'], context());
    call(0).answer();
    expect(await answers).to.deep.equal([
      ['a!', 'b!'],
      ['b!', 'a!'],
    ]);
    expect(await later).to.deep.equal(['b!', 'a!']);
    expect(reads.calls).to.have.length(1);
  });

  it('begins a new call where one holds the most it may, and waits only for those with its own keys', async () => {
    get = coalesce(reads.read, 2);
    const first = get(['a', 'b'], context());
    const second = get(['c', 'b', 'd', 'e'], context());
    await tick();
    expect(reads.calls.map(({ keys }) => keys)).to.deep.equal([['a', 'b'], ['c', 'd'], ['e']]);
    call(0).answer();
    expect(await first).to.deep.equal(['a!', 'b!']);
    call(1).answer();
    call(2).answer();
    expect(await second).to.deep.equal(['c!', 'b!', 'd!', 'e!']);
  });

  it('asks again for what has been answered', async () => {
    const first = get(['a'], context());
    await tick();
    const second = get(['b'], context());
    await tick();
    call(0).answer();
    await first;
    const third = get(['a', 'b'], context());
    await tick();
    expect(reads.calls.map(({ keys }) => keys)).to.deep.equal([['a'], ['b'], ['a']]);
    call(1).answer();
    call(2).answer();
    expect([await second, await third]).to.deep.equal([['b!'], ['a!', 'b!']]);
  });

  it('shares keys that are in flight with a later tick', async () => {
    const first = get(['a', 'b'], context());
    await tick();
    const second = get(['c', 'a'], context());
    await tick();
    expect(reads.calls.map(({ keys }) => keys)).to.deep.equal([['a', 'b'], ['c']]);
    call(1).answer();
    call(0).answer();
    expect(await first).to.deep.equal(['a!', 'b!']);
    expect(await second).to.deep.equal(['c!', 'a!']);
  });

  it('reads a key again once it has been answered', async () => {
    const first = get(['a'], context());
    await tick();
    call(0).answer();
    await first;
    const second = get(['a'], context());
    await tick();
    expect(reads.calls).to.have.length(2);
    call(1).answer();
    expect(await second).to.deep.equal(['a!']);
  });

  it('lets a waiter leave at his own signal, and answers the others', async () => {
    const leaving = new AbortController();
    const left = get(['a'], context(leaving.signal)).catch((error: unknown) => (error as VivaceError).code);
    const stayed = get(['a'], context());
    await tick();
    leaving.abort();
    expect(await left).to.equal('CANCELLED');
    expect(call(0).signal.aborted).to.equal(false);
    call(0).answer();
    expect(await stayed).to.deep.equal(['a!']);
  });

  it('aborts the call when its last waiter has left', async () => {
    const leaving = new AbortController();
    const left = Promise.allSettled([
      get(['a'], context(leaving.signal)),
      get(['a'], context(leaving.signal)),
    ]);
    await tick();
    leaving.abort();
    await left;
    expect(call(0).signal.aborted).to.equal(true);
  });

  it('makes no call where all have left before it began', async () => {
    const leaving = new AbortController();
    const left = get(['a'], context(leaving.signal)).catch(() => 'left');
    leaving.abort();
    expect(await left).to.equal('left');
    await tick();
    expect(reads.calls).to.deep.equal([]);
  });

  it('reads anew for whoever comes after an aborted call', async () => {
    const leaving = new AbortController();
    const left = get(['a'], context(leaving.signal)).catch(() => 'left');
    await tick();
    leaving.abort();
    await left;
    const stayed = get(['a'], context());
    await tick();
    call(1).answer();
    expect(await stayed).to.deep.equal(['a!']);
    call(0).fail(new Error('too late'));
  });

  it('refuses at once where the signal has aborted', async () => {
    const code = await get(['a'], context(AbortSignal.abort())).catch(
      (error: unknown) => (error as VivaceError).code,
    );
    expect(code).to.equal('CANCELLED');
  });

  it('fails everybody where nothing could be read', async () => {
    const answers = [get(['a'], context()), get(['a', 'b'], context())].map((answer) =>
      answer.catch((error: unknown) => error),
    );
    await tick();
    call(0).fail(down);
    expect(await Promise.all(answers)).to.deep.equal([down, down]);
  });

  it('fails, of a call that failed in part, only those who asked for a failed key', async () => {
    const good = get(['a', 'c'], context());
    const mixed = get(['a', 'b'], context()).catch((error: unknown) => error);
    const bad = get(['b'], context()).catch((error: unknown) => error);
    await tick();
    call(0).fail(new PartialFailure(['a!', 'c!', undefined], [{ index: 2, error: down }]));
    expect(await good).to.deep.equal(['a!', 'c!']);
    const error = await mixed;
    if (!isPartialFailure(error)) throw error;
    expect(error.values).to.deep.equal(['a!', undefined]);
    expect(error.failures).to.deep.equal([{ index: 1, error: down }]);
    expect(await bad, 'nothing of it could be read').to.equal(down);
  });

  it('answers in part where one of the calls a read takes part in fails', async () => {
    const first = get(['a'], context()).catch((error: unknown) => error);
    await tick();
    const second = get(['a', 'b'], context()).catch((error: unknown) => error);
    await tick();
    call(0).fail(down);
    await first;
    call(1).answer();
    const error = await second;
    if (!isPartialFailure(error)) throw error;
    expect(error.values).to.deep.equal([undefined, 'b!']);
    expect(error.failures).to.deep.equal([{ index: 0, error: down }]);
  });

  it('passes on a deadline well after that of every caller, so that it fails none that joins in flight', async () => {
    const now = performance.now();
    const answers = [1000, 3000].map(async (ms) => get(['a'], { ...context(), deadline: now + ms }));
    await tick();
    const { deadline } = call(0);
    expect(deadline).to.be.within(now + 3001, now + 6000);
    call(0).answer();
    await Promise.all(answers);
  });

  it('begins a call anew for whoever has more time than the one in flight', async () => {
    const within = (ms: number): CallContext => ({ ...context(), deadline: performance.now() + ms });
    const first = get(['a'], within(1_000));
    await tick();
    const alike = get(['a'], within(1_000));
    const [longer, endless] = [get(['a'], within(60_000)), get(['a'], context())];
    await tick();
    expect(reads.calls.map(({ deadline }) => deadline === undefined)).to.deep.equal([false, true]);
    call(0).fail(down);
    call(1).answer();
    const codes = [first, alike].map((answer) => answer.catch((error: unknown) => error));
    expect(await Promise.all(codes)).to.deep.equal([down, down]);
    expect(await Promise.all([longer, endless])).to.deep.equal([['a!'], ['a!']]);
  });

  it('passes on no deadline where a caller has none', async () => {
    const answers = [get(['a'], context()), get(['b'], { ...context(), deadline: performance.now() + 1000 })];
    await tick();
    expect(call(0).deadline).to.equal(undefined);
    call(0).answer();
    await Promise.all(answers);
  });
});
