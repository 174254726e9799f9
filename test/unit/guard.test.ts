import { expect } from 'chai';
import {
  blobStore,
  cacheStore,
  defineAdapter,
  isPartialFailure,
  isVivaceError,
  keyValueStore,
  PartialFailure,
  VivaceError,
  warehouse,
  type KeyValueStore,
  type PartLifecycle,
  type TemporaryTable,
  type Warehouse,
} from 'vivace';
import { callContext, makePart, startPart } from 'vivace/testing';
import { z } from 'zod';

type Read = KeyValueStore['getMany'];
const bytes = (key: string): Uint8Array => new TextEncoder().encode(key);
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function storeWith(
  getMany: Read,
  {
    maxBatch = 3,
    maxJoined,
    synchronous = true,
    ...lifecycle
  }: { maxBatch?: number; maxJoined?: number; synchronous?: boolean } & Omit<PartLifecycle, 'supports'> = {},
): ReturnType<typeof makePart> {
  const definition = defineAdapter({
    provides: keyValueStore,
    name: 'probe',
    options: z.strictObject({}),
    create: () => ({
      supports: { maxBatch, synchronous, ...(maxJoined === undefined ? {} : { maxJoined }) },
      getMany,
      putNewest: () => [],
      ...lifecycle,
    }),
  });
  return makePart(definition, {}, { name: 'hot' });
}

async function started(
  ...args: Parameters<typeof storeWith>
): Promise<{ part: ReturnType<typeof makePart>; store: KeyValueStore }> {
  const part = storeWith(...args);
  await part.start(callContext());
  return { part, store: part.face(keyValueStore) };
}

function thrown(call: () => unknown): VivaceError {
  try {
    call();
  } catch (error) {
    if (isVivaceError(error)) return error;
    throw error;
  }
  return expect.fail('it should have thrown');
}

describe('guard', () => {
  describe('batches', () => {
    it('never passes an empty batch on', async () => {
      const { store } = await started(() => expect.fail('called'));
      expect(store.getMany([], callContext())).to.deep.equal([]);
    });

    it('leaves a synchronous answer synchronous', async () => {
      const { store } = await started((keys) => keys.map(bytes));
      expect(store.getMany(['a'], callContext())).to.deep.equal([bytes('a')]);
    });

    it('splits at maxBatch, in order, and stays synchronous', async () => {
      const sizes: number[] = [];
      const { store } = await started((keys) => (sizes.push(keys.length), keys.map(bytes)));
      const keys = Array.from('abcdefg');
      expect(store.getMany(keys, callContext())).to.deep.equal(keys.map(bytes));
      expect(sizes).to.deep.equal([3, 3, 1]);
    });

    it('puts asynchronous answers together in order', async () => {
      const { store } = await started(
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
      const { store } = await started((keys) => {
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
      const { store } = await started((keys) => {
        if (keys[0] !== 'd') return keys.map(bytes);
        throw new PartialFailure([bytes('d'), undefined, bytes('f')], [{ index: 1, error: down }]);
      });
      const error = thrown(() => store.getMany(Array.from('abcdef'), callContext()));
      if (!isPartialFailure(error)) throw error;
      expect(error.failures).to.deep.equal([{ index: 4, error: down }]);
      expect(error.values[3]).to.deep.equal(bytes('d'));
    });

    it('throws a plain error where every split call fails', async () => {
      const { store } = await started(() => {
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
      const { store } = await started(read, { synchronous: false, maxBatch: 3, maxJoined: 2 });
      await Promise.all(
        [['a'], ['a', 'b'], ['a', 'b', 'c', 'd']].map(async (keys) => store.getMany(keys, callContext())),
      );
      expect(calls).to.have.deep.members([['a', 'b', 'c'], ['d'], ['a', 'b']]);
    });

    it('joins concurrent reads of a store that is not synchronous', async () => {
      const calls: (readonly string[])[] = [];
      const { store } = await started(async (keys) => (calls.push(keys), keys.map(bytes)), {
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

  describe('errors', () => {
    it('classifies a raw error by the part, and wraps it once with its name', async () => {
      const raw = new Error('socket closed');
      const { store } = await started(
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
      const { store } = await started(() => {
        throw errors.shift() as Error;
      });
      expect(thrown(() => store.getMany(['a'], callContext())).code).to.equal('INTERNAL');
      expect(thrown(() => store.getMany(['a'], callContext())).code).to.equal('CANCELLED');
    });

    it('keeps the code of a VivaceError, and leaves one of another part as it is', async () => {
      const inner = new VivaceError('NOT_FOUND', 'no such table', { part: 'lake' });
      const errors = [new VivaceError('ABORTED', 'lost', { retryAfterMs: 5 }), inner];
      const { store } = await started(() => {
        throw errors.shift() as Error;
      });
      const first = thrown(() => store.getMany(['a'], callContext()));
      expect([first.code, first.part, first.retryAfterMs]).to.deep.equal(['ABORTED', 'hot', 5]);
      expect(thrown(() => store.getMany(['a'], callContext()))).to.equal(inner);
    });

    it('wraps the rejection of a joined read for each who waits', async () => {
      const { store } = await started(async () => Promise.reject(new Error('down')), { synchronous: false });
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

  describe('lifecycle', () => {
    it('refuses a second start', async () => {
      const { part } = await started(() => []);
      expect(
        (await part.start(callContext()).catch((error: unknown) => error as VivaceError))?.code,
      ).to.equal('FAILED_PRECONDITION');
    });

    it('stops a part whose start failed, and not one that never started', async () => {
      let stops = 0;
      const stop = (): void => {
        stops++;
      };
      await storeWith(() => [], { stop }).stop();
      expect(stops).to.equal(0);
      const failing = storeWith(() => [], { stop, start: () => Promise.reject(new Error('no')) });
      await failing.start(callContext()).catch(() => undefined);
      await failing.stop();
      expect(stops).to.equal(1);
    });

    it('waits at stop for a start that goes on, and stays stopped', async () => {
      const events: string[] = [];
      let open: () => void = () => undefined;
      const part = storeWith(() => [], {
        start: () => new Promise<void>((resolve) => (open = resolve)).then(() => void events.push('opened')),
        stop: () => void events.push('closed'),
      });
      const starting = part.start(callContext());
      const stopping = part.stop();
      open();
      await Promise.all([starting, stopping]);
      expect(events).to.deep.equal(['opened', 'closed']);
      expect(thrown(() => part.face(keyValueStore).getMany(['a'], callContext())).message).to.contain(
        'is stopped',
      );
    });

    it('says of a refused call that it never started', async () => {
      const error = thrown(() =>
        storeWith(() => [])
          .face(keyValueStore)
          .getMany(['a'], callContext()),
      );
      expect([error.code, error.started, error.part]).to.deep.equal(['UNAVAILABLE', false, 'hot']);
    });

    it('waits for what is in flight before it stops the part', async () => {
      const events: string[] = [];
      const { part, store } = await started(
        async (keys) => {
          await tick();
          await tick();
          events.push('answered');
          return keys.map(bytes);
        },
        { synchronous: false, stop: () => void events.push('stopped') },
      );
      // A joined read has not begun in this tick; it counts all the same.
      const answer = store.getMany(['a'], callContext());
      await part.stop();
      expect(events).to.deep.equal(['answered', 'stopped']);
      expect(await answer).to.deep.equal([bytes('a')]);
    });

    it('waits for a call whose callers have left', async () => {
      const events: string[] = [];
      const { part, store } = await started(
        async (keys) => {
          await tick();
          await tick();
          events.push('ended');
          return keys.map(bytes);
        },
        { synchronous: false, stop: () => void events.push('stopped') },
      );
      const leaving = new AbortController();
      const left = (async () => store.getMany(['a'], { signal: leaving.signal }))().catch(() => 'left');
      await tick();
      leaving.abort();
      expect(await left).to.equal('left');
      await part.stop();
      expect(events).to.deep.equal(['ended', 'stopped']);
    });
  });

  describe('what an operation opens', () => {
    class Table implements TemporaryTable {
      readonly name = 't';
      drops = 0;
      readonly #fault: Error | undefined;
      constructor(fault?: Error) {
        this.#fault = fault;
      }
      async [Symbol.asyncDispose](): Promise<void> {
        this.drops++;
        await tick();
        if (this.#fault !== undefined) throw this.#fault;
      }
    }
    const opening = async (
      keep: Warehouse['keep'],
      stop?: () => void,
    ): Promise<{ part: ReturnType<typeof makePart>; lake: Warehouse }> => {
      const unused = (): never => expect.fail('called');
      const definition = defineAdapter({
        provides: warehouse,
        name: 'probe',
        options: z.strictObject({}),
        create: () => ({
          dialect: {} as Warehouse['dialect'],
          describe: unused,
          source: unused,
          query: unused,
          load: unused,
          export: unused,
          keep,
          ...(stop === undefined ? {} : { stop }),
        }),
      });
      const part = await startPart(definition, {}, { name: 'lake' });
      return { part, lake: part.face(warehouse) };
    };
    const statement = { sql: 'SELECT 1' };

    it('keeps the call in flight until it has been disposed of', async () => {
      const events: string[] = [];
      const { part, lake } = await opening(
        async () => ({
          name: 't',
          [Symbol.asyncDispose]: async () => {
            await tick();
            events.push('disposed');
          },
        }),
        () => void events.push('stopped'),
      );
      const table = await lake.keep(statement, callContext());
      const stopping = part.stop(60_000);
      await tick();
      await tick();
      expect([table.name, events]).to.deep.equal(['t', []]);
      await table[Symbol.asyncDispose]();
      await stopping;
      expect(events).to.deep.equal(['disposed', 'stopped']);
    });

    it('disposes of it once, and counts it once', async () => {
      const table = new Table();
      const { part, lake } = await opening(() => Promise.resolve(table));
      const first = await lake.keep(statement, callContext());
      await using second = await lake.keep(statement, callContext());
      await Promise.all([first[Symbol.asyncDispose](), first[Symbol.asyncDispose]()]);
      await first[Symbol.asyncDispose]();
      expect(table.drops).to.equal(1);
      let stopped = false;
      const stopping = part.stop(60_000).then(() => (stopped = true));
      await tick();
      await tick();
      expect(stopped).to.equal(false);
      await second[Symbol.asyncDispose]();
      await stopping;
    });

    it('does not count a call that failed', async () => {
      const { part, lake } = await opening(() => Promise.reject(new Error('refused')));
      const failure = await lake.keep(statement, callContext()).catch((error: unknown) => error);
      expect((failure as VivaceError).message).to.equal('lake (probe): refused');
      await part.stop(2 ** 31 - 1);
    });

    it('wraps what its disposal throws', async () => {
      const { part, lake } = await opening(() => Promise.resolve(new Table(new Error('stuck'))));
      const table = await lake.keep(statement, callContext());
      const { code, message } = await table[Symbol.asyncDispose]().then(
        () => expect.fail('it should have failed'),
        (error: unknown) => error as VivaceError,
      );
      expect([code, message]).to.deep.equal(['INTERNAL', 'lake (probe): stuck']);
      await part.stop(2 ** 31 - 1);
    });

    it('stops without it after the grace period', async () => {
      const { part, lake } = await opening(() => Promise.resolve(new Table()));
      const table = await lake.keep(statement, callContext());
      await part.stop(1);
      expect(part.guarded.state).to.equal('stopped');
      await table[Symbol.asyncDispose]();
    });
  });

  describe('streams', () => {
    const streaming = async (read: () => AsyncGenerator<Uint8Array>, lifecycle: PartLifecycle = {}) => {
      const definition = defineAdapter({
        provides: blobStore,
        name: 'probe',
        options: z.strictObject({}),
        create: () => ({
          read,
          head: async () => undefined,
          write: async () => false as const,
          list: async () => ({ blobs: [] }),
          delete: async () => false,
          ...lifecycle,
        }),
      });
      return startPart(definition, {}, { name: 'bucket' });
    };

    it('wraps an error that arises while it is iterated', async () => {
      const part = await streaming(async function* () {
        yield bytes('a');
        throw new Error('cut');
      });
      const seen: Uint8Array[] = [];
      try {
        for await (const chunk of part.face(blobStore).read('k', callContext())) seen.push(chunk);
        expect.fail('it should have failed');
      } catch (error) {
        expect((error as VivaceError).part).to.equal('bucket');
      }
      expect(seen).to.have.length(1);
    });

    it('waits at stop for one that is being iterated, and not for one that never was', async () => {
      const events: string[] = [];
      const part = await streaming(
        async function* () {
          try {
            yield bytes('a');
          } finally {
            events.push('closed');
          }
        },
        { stop: () => void events.push('stopped') },
      );
      part.face(blobStore).read('never iterated', callContext());
      const iterated = part.face(blobStore).read('k', callContext())[Symbol.asyncIterator]();
      await iterated.next();
      const stopped = part.stop();
      await tick();
      expect(events).to.deep.equal([]);
      await iterated.return!();
      await stopped;
      expect(events).to.deep.equal(['closed', 'stopped']);
    });

    it('refuses to be iterated after stop', async () => {
      const part = await streaming(async function* () {
        yield bytes('a');
      });
      const source = part.face(blobStore).read('k', callContext());
      await part.stop();
      const error = await source[Symbol.asyncIterator]()
        .next()
        .catch((failure: unknown) => failure as VivaceError);
      expect((error as VivaceError).code).to.equal('UNAVAILABLE');
    });
  });

  it('gives one part several faces over one lifecycle, though their operations share names', async () => {
    let starts = 0;
    const definition = defineAdapter({
      provides: [keyValueStore, cacheStore],
      name: 'both',
      options: z.strictObject({}),
      create: () => ({
        start: () => {
          starts++;
        },
        faces: [
          {
            supports: { maxBatch: 9, synchronous: true },
            getMany: () => [bytes('kept')],
            putNewest: () => [],
          },
          { supports: { maxBatch: 9 }, getMany: () => [bytes('cached')], setMany: () => undefined },
        ] as const,
      }),
    });
    const part = await startPart(definition);
    expect(part.face(keyValueStore).getMany(['a'], callContext())).to.deep.equal([bytes('kept')]);
    expect(part.face(cacheStore).getMany(['a'], callContext())).to.deep.equal([bytes('cached')]);
    expect(starts).to.equal(1);
  });
});
