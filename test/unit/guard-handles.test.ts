import { expect } from 'chai';
import {
  defineAdapter,
  definePlugin,
  emptyLedger,
  FeatureRows,
  isVivaceError,
  offlineStore,
  onlineStore,
  predictorRuntime,
  type AsOfReader,
  type OfflineStore,
  type OnlineStore,
  type OnlineView,
  type PartLifecycle,
  type PredictorInstance,
  type PredictorRuntime,
  type VivaceError,
} from 'vivace';
import { callContext, startPart, type makePart } from 'vivace/testing';
import { setImmediate as tick } from 'node:timers/promises';
import { z } from 'zod';

type Running = ReturnType<typeof makePart>;
type View = Parameters<OnlineStore['open']>[0];
type Read = Parameters<OnlineView['read']>;

const noView = {} as View;
const noBundle = {} as Parameters<PredictorRuntime['load']>[0];
const noTensors = [] as const;
const noKeys = {} as Read[0];
const noRows = new FeatureRows([], 0);

async function storeOf(view: Partial<OnlineView>): Promise<{ part: Running; view: OnlineView }> {
  const definition = definePlugin({
    provides: onlineStore,
    name: 'probe',
    options: z.strictObject({}),
    create: () => ({
      open: () => ({
        read: () => undefined,
        write: () => 0,
        readLedger: () => emptyLedger('v'),
        writeLedger: () => undefined,
        ...view,
      }),
      versions: () => [],
      remove: () => [],
      errorCode: () => 'UNAVAILABLE' as const,
    }),
  });
  const part = await startPart(definition, {}, { name: 'online' });
  return { part, view: part.face(onlineStore).open(noView) };
}

async function runtimeOf(
  load: PredictorRuntime['load'],
  lifecycle: PartLifecycle = {},
): Promise<{ part: Running; runtime: PredictorRuntime }> {
  const definition = defineAdapter({
    provides: predictorRuntime,
    name: 'probe',
    options: z.strictObject({}),
    create: () => ({ hosts: ['probe'], load, ...lifecycle }),
  });
  const part = await startPart(definition, {}, { name: 'engine' });
  return { part, runtime: part.face(predictorRuntime) };
}

/** An instance as a class keeps it, with private fields. */
class Instance implements PredictorInstance {
  readonly #events: string[];
  #ended: (why: string) => void = () => undefined;
  readonly #closed = new Promise<string>((resolve) => (this.#ended = resolve));

  constructor(events: string[] = []) {
    this.#events = events;
  }

  get closed(): Promise<string> {
    return this.#closed;
  }

  async predict(): Promise<readonly []> {
    this.#events.push('predict');
    await tick();
    return [];
  }

  async unload(): Promise<void> {
    await tick();
    this.#events.push('unload');
    this.#ended('unloaded');
  }
}

async function failureOf(call: () => unknown): Promise<VivaceError> {
  try {
    await call();
  } catch (error) {
    if (isVivaceError(error)) return error;
    throw error;
  }
  return expect.fail('it should have failed');
}

describe('guard: handles that operations return', () => {
  describe('an online view', () => {
    it('answers at once where its author does', async () => {
      const { view } = await storeOf({ write: () => 3 });
      expect(view.write(noKeys, noRows, callContext())).to.equal(3);
    });

    it('is refused after the stop of its part, by name', async () => {
      const { part, view } = await storeOf({});
      await part.stop();
      const error = await failureOf(() => view.read(noKeys, noRows, callContext()));
      expect([error.code, error.part, error.message]).to.deep.equal([
        'UNAVAILABLE',
        'online',
        'part "online" is stopped',
      ]);
    });

    it('is counted in flight, so that the part stops after it', async () => {
      const events: string[] = [];
      let answer: () => void = () => undefined;
      const { part, view } = await storeOf({
        read: () => new Promise<void>((resolve) => (answer = resolve)).then(() => void events.push('read')),
      });
      const reading = view.read(noKeys, noRows, callContext());
      expect(part.guarded.inFlight).to.equal(1);
      const stopping = part.stop(60_000).then(() => events.push('stopped'));
      await tick();
      answer();
      await Promise.all([reading, stopping]);
      expect(events).to.deep.equal(['read', 'stopped']);
    });

    it('has its errors wrapped, with the code that the part gives them', async () => {
      const { view } = await storeOf({
        read: () => {
          throw new Error('cut');
        },
        write: () => Promise.reject(new Error('full')),
      });
      const errors = [
        await failureOf(() => view.read(noKeys, noRows, callContext())),
        await failureOf(() => view.write(noKeys, noRows, callContext())),
      ];
      expect(errors.map(({ code, part, message }) => [code, part, message])).to.deep.equal([
        ['UNAVAILABLE', 'online', 'online (probe): cut'],
        ['UNAVAILABLE', 'online', 'online (probe): full'],
      ]);
    });

    it('is an object: anything else is refused, by the name of its part', async () => {
      const definition = definePlugin({
        provides: onlineStore,
        name: 'probe',
        options: z.strictObject({}),
        create: () => ({
          open: () => undefined as unknown as OnlineView,
          versions: () => [],
          remove: () => [],
        }),
      });
      const part = await startPart(definition, {}, { name: 'online' });
      const error = await failureOf(() => part.face(onlineStore).open(noView));
      expect([error.code, error.message]).to.deep.equal([
        'INTERNAL',
        'online: open returned undefined: return an object with the operations that the port declares',
      ]);
    });
  });

  describe('a loaded model', () => {
    it('may be an instance of a class with private fields', async () => {
      const events: string[] = [];
      const { runtime } = await runtimeOf(async () => new Instance(events));
      const instance = await runtime.load(noBundle, callContext());
      expect(await instance.predict(noTensors, { rows: 1, ...callContext() })).to.deep.equal([]);
      await instance.unload();
      expect([await instance.closed, events]).to.deep.equal(['unloaded', ['predict', 'unload']]);
    });

    it('predicts only while its runtime is ready, and is unloaded also while that stops', async () => {
      const events: string[] = [];
      const { part, runtime } = await runtimeOf(async () => new Instance(events), {
        stop: () => void events.push('stopped'),
      });
      const [busy, idle] = [
        await runtime.load(noBundle, callContext()),
        await runtime.load(noBundle, callContext()),
      ];
      const predicting = busy.predict(noTensors, { rows: 1, ...callContext() });
      const stopping = part.stop(60_000);
      while (part.guarded.state !== 'stopping') await Promise.resolve();
      const refused = await failureOf(() => idle.predict(noTensors, { rows: 1, ...callContext() }));
      expect([refused.code, refused.message]).to.deep.equal(['UNAVAILABLE', 'part "engine" is stopping']);
      await Promise.all([predicting, idle.unload(), stopping]);
      expect(events).to.deep.equal(['predict', 'unload', 'stopped']);
    });

    it('has its errors wrapped', async () => {
      const { runtime } = await runtimeOf(async () =>
        Object.assign(new Instance(), { predict: () => Promise.reject(new Error('no shape')) }),
      );
      const instance = await runtime.load(noBundle, callContext());
      const error = await failureOf(() => instance.predict(noTensors, { rows: 1, ...callContext() }));
      expect([error.code, error.message]).to.deep.equal(['PREDICTOR_FAILED', 'engine (probe): no shape']);
    });
  });

  describe('a reader that is disposed of', () => {
    async function readerOf(read: () => unknown): Promise<{ part: Running; reader: AsOfReader }> {
      const unused = (): never => expect.fail('called');
      const definition = definePlugin({
        provides: offlineStore,
        name: 'probe',
        options: z.strictObject({}),
        create: (): OfflineStore => ({
          checkView: unused,
          checkSpine: unused,
          spine: unused,
          materialize: unused,
          save: unused,
          openAsOf: async () => ({
            read: read as AsOfReader['read'],
            [Symbol.asyncDispose]: async () => undefined,
          }),
        }),
      });
      const part = await startPart(definition, {}, { name: 'past' });
      return { part, reader: await part.face(offlineStore).openAsOf([], callContext()) };
    }
    const keys = { rows: 0, columns: [], time: new Float64Array() };
    const read = (reader: AsOfReader): Promise<unknown> => reader.read(noView, keys, callContext());

    it('has its errors wrapped, and is refused once it is disposed of', async () => {
      const { part, reader } = await readerOf(() => Promise.reject(new Error('cut')));
      expect((await failureOf(() => read(reader))).message).to.equal('past (probe): cut');
      await reader[Symbol.asyncDispose]();
      const { code, message } = await failureOf(() => read(reader));
      expect([code, message]).to.deep.equal([
        'FAILED_PRECONDITION',
        'past: read was called after what openAsOf opened was closed',
      ]);
      await part.stop(2 ** 31 - 1);
    });

    it('reads on while its part stops, and no longer when that has given it up', async () => {
      const { part, reader } = await readerOf(async () => 'rows');
      const stopping = part.stop(50);
      expect(await read(reader)).to.equal('rows');
      await stopping;
      const { code, message } = await failureOf(() => read(reader));
      expect([code, message]).to.deep.equal(['UNAVAILABLE', 'part "past" is stopped']);
      await reader[Symbol.asyncDispose]();
    });
  });
});
