import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  pushModel,
  checkBackends,
  checkSignatures,
  createServer,
  defineAdapter,
  definePlugin,
  isVivaceError,
  keyValueStore,
  modelRepository,
  VivaceError,
  withServer,
  type BackendTimes,
  type CallContext,
  type CheckedBackend,
  type Server,
  type ServerSpecification,
} from 'vivace';
import { callContext } from 'vivace/testing';
import { z } from 'zod';
import { fixtures } from '../fixtures/bundles.js';
import { failureOf } from '../support/failure.js';
import { adder } from '../support/parts.js';

/** Loads a specification anew each time, and remembers the servers. */
function loading(specification: Partial<ServerSpecification>): {
  readonly servers: Server[];
  readonly load: () => Promise<Server>;
} {
  const servers: Server[] = [];
  return {
    servers,
    async load() {
      const server = await createServer({ parts: {}, pipelines: {}, ...specification });
      servers.push(server);
      return server;
    },
  };
}

type Act = (context: CallContext) => Promise<void>;

/** A store whose start and answers are functions. */
const scriptedStore = defineAdapter({
  provides: keyValueStore,
  name: 'scripted-store',
  options: z.strictObject({ start: z.custom<Act>().optional(), read: z.custom<Act>().optional() }),
  create: ({ start, read }) => ({
    supports: { maxBatch: 10 },
    start: async (context) => start?.(context),
    async getMany(keys: readonly unknown[], context: CallContext) {
      await read?.(context);
      return keys.map(() => undefined);
    },
    putNewest: async () => [],
  }),
});
const untilAborted: Act = ({ signal }) =>
  new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
  );
const failing = async (): Promise<void> => {
  throw new Error('no route');
};

describe('Operations: checkBackends', () => {
  const check = (
    parts: ServerSpecification['parts'],
    options = {},
    context = callContext(),
  ): Promise<readonly CheckedBackend[]> => checkBackends(loading({ parts }).load, options, context);
  const textOf = ({ outcome }: CheckedBackend): string =>
    isVivaceError(outcome) ? `${outcome.code} ${outcome.message}` : 'it did not fail';

  it('asks a backend though it has been failing', async () => {
    const asked: unknown[] = [];
    const read: Act = async ({ bypassBreaker }) => void asked.push(bypassBreaker);
    await check({ own: { use: scriptedStore, read } });
    expect(asked).to.not.be.empty;
    expect(new Set(asked)).to.deep.equal(new Set([true]));
  });

  it('gives the times of every adapter with a backend, and of each of its ports', async () => {
    const checked = await check({
      hot: { use: 'memory' },
      online: { use: 'online-store', store: 'hot' },
      own: { use: scriptedStore },
    });
    expect(checked.map(({ part, use }) => [part, use])).to.deep.equal([
      ['hot', 'memory'],
      ['own', 'scripted-store'],
    ]);
    const [hot, own] = checked.map(({ outcome }) => outcome as BackendTimes);
    expect(hot!.answers.map(({ port }) => port)).to.include.members(['key-value-store', 'blob-store']);
    expect(own!.answers).to.have.length(1);
    for (const { medianMs } of [...hot!.answers, ...own!.answers]) expect(medianMs).to.be.at.least(0);
    expect(own!.readyMs).to.be.at.least(0);
  });

  it('asks each backend five times', async () => {
    let reads = 0;
    const read = async (): Promise<void> => void reads++;
    await check({ own: { use: scriptedStore, read } });
    expect(reads).to.equal(5);
  });

  it('checks the others where one does not start, and where one does not answer', async () => {
    const checked = await check({
      closed: { use: scriptedStore, start: failing },
      mute: { use: scriptedStore, read: failing },
      hot: { use: 'memory' },
    });
    expect(checked.slice(0, 2).map(textOf)).to.deep.equal([
      'INTERNAL closed (scripted-store): no route',
      'INTERNAL mute (scripted-store): no route',
    ]);
    expect(textOf(checked[2]!)).to.equal('it did not fail');
  });

  it('gives a backend up that does not start, or answer, in time', async () => {
    const checked = await check(
      { slow: { use: scriptedStore, start: untilAborted }, mute: { use: scriptedStore, read: untilAborted } },
      { timeoutMs: 20 },
    );
    expect(textOf(checked[0]!)).to.equal(
      'DEADLINE_EXCEEDED part "slow" (scripted-store) did not start within 20 ms',
    );
    expect(textOf(checked[1]!)).to.match(/^DEADLINE_EXCEEDED /);
  });

  it('stops every server that it started', async () => {
    const { servers, load } = loading({
      parts: { hot: { use: 'memory' }, closed: { use: scriptedStore, start: failing } },
    });
    await checkBackends(load, {}, callContext());
    expect(servers.map((server) => server.control.state)).to.deep.equal(['created', 'stopped', 'stopped']);
  });

  for (const act of ['start', 'read'])
    it(`ends where its caller gives up during a ${act}, and checks no other`, async () => {
      const controller = new AbortController();
      const asked: string[] = [];
      const parts = Object.fromEntries(
        ['a', 'b'].map((name) => [
          name,
          {
            use: scriptedStore,
            [act]: (context: CallContext) => {
              asked.push(name);
              const ended = untilAborted(context);
              setImmediate(() => controller.abort());
              return ended;
            },
          },
        ]),
      );
      const { servers, load } = loading({ parts });
      const failure = await failureOf(checkBackends(load, {}, { signal: controller.signal }));
      expect(failure).to.equal('CANCELLED the caller gave up');
      expect(asked).to.deep.equal(['a']);
      expect(servers.map((server) => server.control.state)).to.deep.equal(['created', 'stopped']);
    });
});

describe('Operations: checkSignatures', () => {
  let directory: string;
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'vivace-check-'))));
  afterEach(() => rmSync(directory, { recursive: true }));

  const columns = ['request.a', 'request.b'];
  const scoring = (): Pick<ServerSpecification, 'parts' | 'views' | 'pipelines'> => ({
    parts: {
      hot: { use: 'memory' },
      online: { use: 'online-store', store: 'hot' },
      bucket: { use: 'filesystem', path: join(directory, 'bucket') },
      models: { use: 'model-repository', blobs: 'bucket', workspace: 'bucket' },
      onnx: { use: 'onnxruntime' },
      score: { use: 'model-predictor', model: 'affine', repository: 'models', runtime: 'onnx' },
      sum: { use: adder, width: 2 },
    },
    views: { price: { store: 'online', entity: { id: 'string' }, features: { v: { type: 'float64' } } } },
    pipelines: {
      score: {
        request: { a: 'float32', b: 'float32' },
        steps: [{ predict: 'score' }],
        response: { outputs: { y: 'score.y' } },
      },
      sum: {
        request: { a: 'float64', b: 'float64' },
        steps: [{ predict: 'sum', inputs: { x: columns } }],
        response: { outputs: { total: 'sum.sum' } },
      },
    },
  });
  const add = async (more: object = {}): Promise<unknown> =>
    withServer(await createServer(scoring()), (server) =>
      pushModel(
        server,
        { file: join(fixtures, 'affine.onnx'), name: 'affine', columns, ...more },
        callContext(),
      ),
    );
  const reads = (plans: Server['plans'], pipeline: string): string[] =>
    plans.get(pipeline)!.nodes.flatMap((node) => node.reads.map(({ name }) => name));

  it('compiles the pipelines with the signatures of their models', async () => {
    await add();
    const { servers, load } = loading(scoring());
    const { plans, unchecked } = await checkSignatures(load, callContext());
    expect([...unchecked]).to.deep.equal([]);
    expect(reads(plans, 'score')).to.deep.equal(columns);
    expect(new Set(servers.map((server) => server.control.state))).to.deep.equal(
      new Set(['created', 'stopped']),
    );
  });

  it('says which could not be read and why, and compiles with the others', async () => {
    const { plans, unchecked, failed } = await checkSignatures(loading(scoring()).load, callContext());
    expect([[...unchecked.keys()], [...failed.keys()]]).to.deep.equal([[], ['score']]);
    expect(failed.get('score')!.message).to.match(/there is no model affine/);
    expect(plans.get('sum')!.nodes.flatMap(({ writes }) => writes.map(({ name }) => name))).to.deep.equal([
      'sum.sum',
    ]);
  });

  it('gives the plans where no pipeline has a model, and starts nothing', async () => {
    const { servers, load } = loading({
      parts: { calendar: { use: 'calendar' } },
      pipelines: {
        clock: {
          request: { departure: 'timestamp' },
          time: 'request.departure',
          steps: [{ transform: 'calendar' }],
          response: { outputs: { hour: 'calendar.hour' } },
        },
      },
    });
    const { plans } = await checkSignatures(load, callContext());
    expect([...plans.keys()]).to.deep.equal(['clock']);
    expect(servers.map((server) => server.control.state)).to.deep.equal(['created']);
  });

  it('tells a repository that does not answer from a model that cannot serve', async () => {
    const silent = definePlugin({
      provides: modelRepository,
      name: 'silent',
      options: z.strictObject({}),
      create: () => {
        const fail = (): Promise<never> => Promise.reject(new VivaceError('UNAVAILABLE', 'no route'));
        const none = (): never => {
          throw new VivaceError('UNAVAILABLE', 'no route');
        };
        const reads = {
          resolve: fail,
          manifest: fail,
          readFile: none,
          fetch: fail,
          list: fail,
          verify: fail,
        };
        return { ...reads, add: fail, setAlias: fail, rollback: fail, history: fail, collect: fail };
      },
    });
    const { parts, ...rest } = scoring();
    const { load } = loading({ ...rest, parts: { ...parts, models: { use: silent } } });
    const { unchecked, failed } = await checkSignatures(load, callContext());
    expect([[...unchecked.keys()], [...failed.keys()]]).to.deep.equal([['score'], []]);
  });

  it('finds a stored file that is corrupt', async () => {
    await add();
    const file = join(directory, 'bucket/affine/1/affine.onnx');
    const bytes = readFileSync(file);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(file, bytes);
    const { failed } = await checkSignatures(loading(scoring()).load, callContext());
    expect(failed.get('score')).to.include({ code: 'DATA_LOSS' });
  });

  it('refuses a model that was trained on other views', async () => {
    await add({
      trainingSet: { id: 'abc', features: { price: { hash: 'aaaaaaaaaa', contract: 'cccccccccc' } } },
    });
    expect(await failureOf(checkSignatures(loading(scoring()).load, callContext()))).to.match(
      /^INVALID_CONFIG pipelines\.\w+\.steps\[\d+\]\.predict: affine 1 was trained on view "price" aaaaaaaaaa/,
    );
  });

  it('refuses a model that does not fit its pipeline', async () => {
    const { parts, views } = scoring();
    await withServer(await createServer({ parts, views: views!, pipelines: {} }), (server) =>
      pushModel(
        server,
        { file: join(fixtures, 'affine.onnx'), name: 'affine', columns: ['request.a', 'request.x'] },
        callContext(),
      ),
    );
    expect(await failureOf(checkSignatures(loading(scoring()).load, callContext()))).to.match(
      /^INVALID_CONFIG pipelines\.score\.steps.*request\.x/,
    );
  });

  it('ends where its caller gives up', async () => {
    const { servers, load } = loading(scoring());
    const failure = await failureOf(checkSignatures(load, { signal: AbortSignal.abort() }));
    expect(failure).to.match(/^CANCELLED /);
    expect(servers.map((server) => server.control.state)).to.not.include('partial');
  });
});
