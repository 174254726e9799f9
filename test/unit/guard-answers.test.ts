import { expect } from 'chai';
import {
  createServer,
  defineAdapter,
  definePlugin,
  keyValueStore,
  logSink,
  transform,
  type Transform,
  type VivaceError,
} from 'vivace';
import { callContext, makePart, startPart } from 'vivace/testing';
import { setImmediate as tick } from 'node:timers/promises';
import { z } from 'zod';
import { thrown } from '../support/failure.js';
import { ForeignPromise } from '../support/foreign-promise.js';
import { bytes, startedStore, type Read } from '../support/probe-store.js';

/** As an author without types may write it. */
async function double(apply: () => unknown): Promise<Transform> {
  const definition = definePlugin({
    provides: transform,
    name: 'double',
    options: z.strictObject({}),
    describe: () => ({ reads: { x: 'float64' }, writes: { y: 'float64' } }),
    create: () => ({ apply: apply }),
  });
  return (await startPart(definition, {}, { name: 'twice' })).face(transform);
}

/** A store whose calls are split and joined. */
const joiningStore = (getMany: Read): ReturnType<typeof startedStore> =>
  startedStore(getMany, {
    maxBatch: 2,
    maxJoined: 2,
    synchronous: false,
    errorCode: () => 'UNAVAILABLE',
  });

/** Runs `task`; the unhandled rejections meanwhile. */
async function unhandled(task: () => unknown): Promise<unknown[]> {
  const seen: unknown[] = [];
  const note = (reason: unknown): void => void seen.push(reason);
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', note);
  try {
    await task();
    await tick();
    await tick();
  } finally {
    process.off('unhandledRejection', note);
    for (const other of others) process.on('unhandledRejection', other);
  }
  return seen;
}

const noColumns = {} as Parameters<Transform['apply']>[0];
const noOutput = {} as Parameters<Transform['apply']>[1];

describe('guard: what an operation answers', () => {
  it('refuses a promise from a synchronous operation, with the name of the part', async () => {
    const part = await double(async () => undefined);
    const error = thrown(() => part.apply(noColumns, noOutput));
    expect([error.code, error.part]).to.deep.equal(['INTERNAL', 'twice']);
    expect(error.message).to.equal(
      'twice: apply returned a promise, but it is synchronous: return the answer itself, and await what it needs in start',
    );
  });

  it('refuses a promise of another library there too', async () => {
    const part = await double(() => new ForeignPromise(Promise.resolve()));
    expect(thrown(() => part.apply(noColumns, noOutput)).message).to.contain('apply returned a promise');
  });

  it('lets no rejection of a refused promise end the process', async () => {
    const own = await double(() => Promise.reject(new Error('late')));
    const foreign = await double(() => new ForeignPromise(Promise.reject(new Error('late'))));
    const seen = await unhandled(() => {
      thrown(() => own.apply(noColumns, noOutput));
      thrown(() => foreign.apply(noColumns, noOutput));
    });
    expect(seen).to.deep.equal([]);
  });

  it('wraps what a synchronous operation throws', async () => {
    const part = await double(() => {
      throw new Error('no');
    });
    expect(thrown(() => part.apply(noColumns, noOutput)).message).to.equal('twice (double): no');
  });

  it('refuses a create that returns a promise', async () => {
    const definition = defineAdapter({
      provides: keyValueStore,
      name: 'probe',
      options: z.strictObject({}),
      create: (async () => Promise.reject(new Error('late'))) as never,
    });
    const seen = await unhandled(() => {
      const error = thrown(() => makePart(definition, {}, { name: 'hot' }));
      expect([error.code, error.part]).to.deep.equal(['INTERNAL', 'hot']);
      expect(error.message).to.contain('create returned a promise');
    });
    expect(seen).to.deep.equal([]);
  });

  it('tells the process once of a log sink that answers by promises, and goes on', async () => {
    const write = (): unknown => Promise.reject(new Error('late'));
    const definition = defineAdapter({
      provides: logSink,
      name: 'slow-log',
      options: z.strictObject({}),
      create: () => ({ write }),
    });
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    try {
      const seen = await unhandled(async () => {
        const server = await createServer({ parts: { log: { use: definition } }, pipelines: {} });
        await server.start();
        await server.stop();
      });
      expect(seen).to.deep.equal([]);
    } finally {
      process.off('warning', note);
    }
    expect(warnings.map(({ message }) => message)).to.deep.equal([
      'log: write returned a promise, but it is synchronous: return the answer itself, and await what it needs in start',
    ]);
  });

  describe('a promise of another library', () => {
    it('is counted in flight until it settles, alone, split and joined', async () => {
      const answers: (() => void)[] = [];
      const { part, store } = await joiningStore(
        (keys) =>
          new ForeignPromise(
            new Promise<Uint8Array[]>((resolve) => answers.push(() => resolve(keys.map(bytes)))),
          ) as unknown as Promise<Uint8Array[]>,
      );
      const alone = store.getMany(['a', 'b', 'c', 'd'], callContext());
      const joined = store.getMany(['a'], callContext());
      await tick();
      await tick();
      expect(answers).to.have.length(3);
      // The two halves, and the joined call with the caller that waits for it.
      expect(part.guarded.inFlight).to.equal(4);
      for (const answer of answers) answer();
      expect(await alone).to.deep.equal(Array.from('abcd').map(bytes));
      expect(await joined).to.deep.equal([bytes('a')]);
      expect(part.guarded.inFlight).to.equal(0);
    });

    it('has its error wrapped', async () => {
      const { part, store } = await joiningStore(
        () => new ForeignPromise(Promise.reject(new Error('cut'))) as unknown as Promise<Uint8Array[]>,
      );
      for (const keys of [['a'], ['a', 'b', 'c']]) {
        const error = await Promise.resolve(store.getMany(keys, callContext())).catch((e: unknown) => e);
        expect([(error as VivaceError).code, (error as VivaceError).message]).to.deep.equal([
          'UNAVAILABLE',
          'hot (probe): cut',
        ]);
      }
      expect(part.guarded.inFlight).to.equal(0);
    });
  });
});
