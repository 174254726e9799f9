import { expect } from 'chai';
import {
  defineAdapter,
  keyValueStore,
  predictorRuntime,
  VivaceError,
  type CallContext,
  type KeyValueStore,
  type PredictorInstance,
} from 'vivace';
import { affineInput, makePart } from 'vivace/testing';
import { z } from 'zod';
import { lifecycleContract, type CallsOf } from '../../core/testing/lifecycle-contract.js';
import { fixtureBundle } from '../fixtures/bundles.js';
import { contractFailures } from '../support/contract-failures.js';

const store = (own: Partial<KeyValueStore> = {}): KeyValueStore => ({
  supports: { maxBatch: 10 },
  getMany: async (keys) => keys.map(() => undefined),
  putNewest: async (entries) => entries.map(() => true),
  ...own,
});
const adapter = (created: KeyValueStore) =>
  defineAdapter({
    provides: keyValueStore,
    name: 'table',
    options: z.strictObject({}),
    create: () => created,
  });
const calls: CallsOf<KeyValueStore> = {
  getMany: (subject, context) => subject.getMany(['a'], context),
  putNewest: (subject, context) => subject.putNewest([{ key: 'a', value: Uint8Array.of(1) }], context),
  dropPrefix: (subject, context) => subject.dropPrefix?.('a', context),
  advise: (subject, context) => subject.advise?.(context),
};

type Part = ReturnType<typeof makePart>;

/** A part whose guard lets some calls pass: they reach `unguarded`. */
function leaking(unguarded: Partial<KeyValueStore>, part: Part = makePart(adapter(store()))): Part {
  const face = { ...(part.face(keyValueStore) as object), ...unguarded };
  return { ...part, face: <T>() => face as T };
}

const failuresOf = (make: () => Part, known: CallsOf<KeyValueStore> = calls): Promise<string[]> =>
  contractFailures((runner) => lifecycleContract({ runner, make, port: keyValueStore, calls: known }));

const before = 'refuses every operation before it has started';
const after = 'refuses every operation after it has stopped, and stops twice';
const left = 'answers or fails every operation of a caller who has left, and goes on';

const bundle = fixtureBundle('affine.mjs');

/** A runtime whose models are those that `instance` makes. */
const runtime = (instance: (made: PredictorInstance) => PredictorInstance) =>
  defineAdapter({
    provides: predictorRuntime,
    name: 'runtime',
    options: z.strictObject({}),
    create: () => ({
      hosts: ['javascript'],
      load: async () =>
        instance({
          closed: Promise.resolve('never'),
          predict: async (inputs) => inputs,
          unload: async () => undefined,
        }),
    }),
  });

const runtimeFailures = (make: () => Part, withPredict = true): Promise<string[]> =>
  contractFailures((runner) =>
    lifecycleContract({
      runner,
      make,
      port: predictorRuntime,
      calls: {
        load: {
          open: (started, context) => started.load(bundle, context),
          handle: {
            ...(withPredict
              ? {
                  predict: (opened: PredictorInstance, context: CallContext) =>
                    opened.predict(affineInput([1, 1]), { ...context, rows: 1 }),
                }
              : {}),
            unload: (opened) => opened.unload(),
          },
        },
      },
    }),
  );

describe('The lifecycle contract', () => {
  it('passes a guarded part, one that obeys the signal included', async () => {
    expect(await failuresOf(() => makePart(adapter(store())))).to.deep.equal([]);
    const obedient = store({
      getMany: async (keys, { signal }) => {
        signal.throwIfAborted();
        return keys.map(() => undefined);
      },
    });
    expect(await failuresOf(() => makePart(adapter(obedient)))).to.deep.equal([]);
  });

  for (const operation of ['getMany', 'putNewest'] as const) {
    it(`fails a part whose ${operation} answers before start and after stop`, async () => {
      const failed = await failuresOf(() => leaking({ [operation]: async () => [] }));
      expect(failed).to.deep.equal([before, after]);
    });
  }

  it('fails a part that refuses with another error than UNAVAILABLE', async () => {
    const failed = await failuresOf(() =>
      leaking({
        getMany: () => {
          throw new TypeError('not connected');
        },
      }),
    );
    expect(failed).to.include.members([before, after]);
  });

  it('fails a part that stops only where it was started, or only once', async () => {
    const once = (): Part => {
      const part = makePart(adapter(store()));
      let stops = 0;
      return {
        ...part,
        stop: async () => {
          if (stops++ > 0) throw new Error('stopped before');
          await part.stop();
        },
      };
    };
    expect(await failuresOf(once)).to.include(after);
    const never = (): Part => {
      const part = makePart(adapter(store()));
      return {
        ...part,
        stop: async () => {
          if (part.guarded.state === 'created') throw new Error('never started');
          await part.stop();
        },
      };
    };
    expect(await failuresOf(never)).to.include.members(['stops without having been started', before]);
  });

  it('fails a part that answers a caller who has left with another error', async () => {
    const failed = await failuresOf(() =>
      makePart(
        adapter(
          store({
            putNewest: async (entries, { signal }) => {
              if (signal.aborted) throw new VivaceError('INTERNAL', 'aborted');
              return entries.map(() => true);
            },
          }),
        ),
      ),
    );
    expect(failed).to.deep.equal([left]);
  });

  it('fails a part that answers nobody after a caller has left', async () => {
    let broken = false;
    const failed = await failuresOf(() =>
      makePart(
        adapter(
          store({
            putNewest: async (entries, { signal }) => {
              broken ||= signal.aborted;
              if (broken) throw signal.aborted ? signal.reason : new Error('the connection is broken');
              return entries.map(() => true);
            },
          }),
        ),
      ),
    );
    expect(failed).to.include(left);
  });

  it('names an operation that it was not told how to call, and none that the part does not have', async () => {
    const { getMany } = calls;
    const make = (): Part => makePart(adapter(store()));
    expect(await failuresOf(make, { getMany: getMany! })).to.deep.equal(['is told how to call putNewest']);
    const runs: string[] = [];
    await contractFailures((runner) =>
      lifecycleContract({
        runner: { ...runner, it: (title, body) => (runs.push(title), runner.it(title, body)) },
        make,
        port: keyValueStore,
        calls,
      }),
    );
    expect(runs).to.deep.equal(['stops without having been started', before, after, left]);
  });

  it('names an operation of a handle that it was not told how to call', async () => {
    expect(await runtimeFailures(() => makePart(runtime((made) => made)), false)).to.deep.equal([
      'is told how to call load.predict',
    ]);
  });

  it('tries the operations of handles, after stop too', async () => {
    // `inspect` is in the table, and this runtime has none.
    expect(await runtimeFailures(() => makePart(runtime((made) => made)))).to.deep.equal([]);
    const leakingHandle = (): Part => {
      const part = makePart(runtime((made) => made));
      const face = part.face(predictorRuntime);
      const leaked = {
        ...face,
        load: async (...args: Parameters<typeof face.load>) => ({
          ...(await face.load(...args)),
          predict: async () => [],
        }),
      };
      return { ...part, face: <T>() => leaked as T };
    };
    expect(await runtimeFailures(leakingHandle)).to.deep.equal([after]);
    const failing = runtime((made) => ({
      ...made,
      predict: async (inputs, { signal }) => {
        if (signal.aborted) throw new Error('aborted');
        return inputs;
      },
    }));
    expect(await runtimeFailures(() => makePart(failing))).to.deep.equal([left]);
  });
});
