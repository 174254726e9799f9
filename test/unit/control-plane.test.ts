import { expect } from 'chai';
import {
  Call,
  createServer,
  definePlugin,
  keyValueStore,
  predictor,
  VivaceError,
  type CallContext,
  type PredictorStatus,
  type Server,
} from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { z } from 'zod';
import { failureOf } from '../support/failure.js';
import { adder } from '../support/parts.js';

const call = (): Call => new Call({ requestId: 'r', signal: new AbortController().signal });

/** A predictor of another version each time it is told to look. */
const following = definePlugin({
  provides: predictor,
  name: 'following',
  options: z.strictObject({ look: z.custom<(context: CallContext) => Promise<void>>() }),
  create: ({ look }) => {
    let version = 1;
    const model = () => ({ name: 'following', version: String(version), digest: `following ${version}` });
    return {
      describe: async () => ({
        model: model(),
        signature: { inputs: [], outputs: [], over: 'row' as const },
      }),
      serving: model,
      predict: async () => ({ model: model(), outputs: [] }),
      async refresh(context: CallContext) {
        await look(context);
        version++;
      },
    };
  },
});

const echo = {
  request: { a: 'float64' },
  steps: [{ predict: 'adder', inputs: { x: ['request.a'] } }],
  response: { outputs: { sum: 'adder.sum' } },
} as const;

describe('Control plane', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
  });

  async function create(
    more: { look?: (context: CallContext) => Promise<void>; hold?: () => Promise<void> } = {},
  ) {
    const server = await createServer({
      parts: {
        adder: { use: adder, width: 1, ...(more.hold === undefined ? {} : { onPredict: more.hold }) },
        following: { use: following, look: more.look ?? (() => Promise.resolve()) },
        store: { use: memory },
      },
      pipelines: { echo },
    });
    servers.push(server);
    return server;
  }

  it('says where each part stands, in the order of starting', async () => {
    const server = await create();
    const states = () => server.control.parts().map(({ name, state }) => `${name} ${state}`);
    expect(states()).to.deep.equal(['adder created', 'following created', 'store created']);
    await server.start();
    expect(states()).to.deep.equal(['adder ready', 'following ready', 'store ready']);
    const { use, ports } = server.control.parts()[0]!;
    expect([use, ports]).to.deep.equal(['adder', ['predictor']]);
    await server.stop();
    expect(states()).to.deep.equal(['adder stopped', 'following stopped', 'store stopped']);
  });

  it('counts the calls that run in a part', async () => {
    let go: () => void = () => undefined;
    let entered: () => void = () => undefined;
    const inside = new Promise<void>((resolve) => (entered = resolve));
    const held = new Promise<void>((resolve) => (go = resolve));
    const server = await create({ hold: () => (entered(), held) });
    await server.start();
    const inFlight = () => server.control.parts()[0]!.inFlight;
    const answer = server.predict('echo', { request: { a: 1 } });
    await inside;
    expect(inFlight()).to.equal(1);
    go();
    await answer;
    expect(inFlight()).to.equal(0);
  });

  it('says which part failed to start', async () => {
    const broken = definePlugin({
      provides: predictor,
      name: 'broken',
      options: z.strictObject({}),
      create: () => ({
        start: () => Promise.reject(new Error('no licence')),
        describe: () => Promise.reject(new Error('never')),
        serving: () => undefined,
        predict: () => Promise.reject(new Error('never')),
      }),
    });
    const server = await createServer({ parts: { broken: { use: broken } }, pipelines: {} });
    await failureOf(server.start());
    // What failed is stopped as well.
    expect(server.control.parts().map(({ state }) => state)).to.deep.equal(['stopped']);
    expect(server.control.readiness()).to.deep.equal({
      ready: false,
      reasons: ['the server is failed'],
      details: [],
    });
  });

  it('has plans, views, predictors and models', async () => {
    const server = await create();
    expect([server.control.predictors(), server.control.models()]).to.deep.equal([[], []]);
    await server.start();
    expect(server.control.plans()['echo']).to.have.property('nodes').of.length(1);
    expect([...server.control.views()]).to.deep.equal([]);
    expect(server.control.predictors()).to.deep.equal([
      { name: 'adder', serving: { name: 'adder', version: '1', digest: 'adder of 1' } },
      { name: 'following', serving: { name: 'following', version: '1', digest: 'following 1' } },
    ]);
    expect(server.control.models()[1]).to.deep.equal({
      predictor: 'following',
      name: 'following',
      version: '1',
      digest: 'following 1',
    });
  });

  it('says in what way a predictor that answers does not stand as it should', async () => {
    const model = (version: string) => ({ name: 'eta', version, digest: version });
    const lastFailure = { atMs: 0, code: 'UNAVAILABLE', message: 'the bucket is down' } as const;
    const statuses: Readonly<Record<string, PredictorStatus>> = {
      current: { serving: model('1'), wanted: '1', instances: { loaded: 2, wanted: 2 } },
      night: { serving: model('1'), lastKnown: true, lastFailure },
      behind: { serving: model('1'), wanted: '2', lastFailure },
      few: { serving: model('1'), instances: { loaded: 1, wanted: 2 } },
    };
    const standing = definePlugin({
      provides: predictor,
      name: 'standing',
      options: z.strictObject({ status: z.string() }),
      create: ({ status }) => ({
        describe: async () => ({
          model: model('1'),
          signature: { inputs: [], outputs: [], over: 'row' as const },
        }),
        serving: () => model('1'),
        status: () => statuses[status]!,
        predict: () => Promise.reject(new Error('never')),
      }),
    });
    const parts = Object.fromEntries(
      Object.keys(statuses).map((status) => [status, { use: standing, status }]),
    );
    const server = await createServer({ parts, pipelines: {} });
    servers.push(server);
    await server.start();
    expect(server.control.readiness()).to.deep.equal({
      ready: true,
      reasons: [],
      details: [
        'last-known: predictor "night" serves eta 1 from its disk, because its repository does not answer: UNAVAILABLE the bucket is down',
        'behind: predictor "behind" serves eta 1, not 2: UNAVAILABLE the bucket is down',
        'instances: predictor "few" has 1 of 2',
      ],
    });
    const named = Object.entries(statuses).map(([name, status]) => ({ name, ...status }));
    expect(server.control.predictors()).to.deep.equal(named);
    expect(server.control.info()['predictors']).to.deep.equal(named);
  });

  describe('refresh', () => {
    it('tells the predictor to look, and says what serves then', async () => {
      const server = await create();
      await server.start();
      expect(await server.control.refresh('following', call())).to.deep.equal({
        name: 'following',
        serving: { name: 'following', version: '2', digest: 'following 2' },
      });
    });

    it('says why a version does not serve', async () => {
      const refused = new VivaceError('FAILED_PRECONDITION', 'its inputs differ');
      const server = await create({ look: () => Promise.reject(refused) });
      await server.start();
      expect(await failureOf(server.control.refresh('following', call()))).to.equal(
        'FAILED_PRECONDITION following: its inputs differ',
      );
    });

    it('ends at the deadline of its caller', async () => {
      const server = await create({ look: () => new Promise(() => undefined) });
      await server.start();
      expect(await failureOf(server.control.refresh('following', call().within(5)))).to.match(
        /^DEADLINE_EXCEEDED/,
      );
    });

    it('refuses a predictor that follows nothing, one that is not there, and a server that is not started', async () => {
      const server = await create();
      expect(await failureOf(server.control.refresh('following', call()))).to.match(/^UNAVAILABLE.*created/);
      await server.start();
      expect(await failureOf(server.control.refresh('adder', call()))).to.equal(
        'UNIMPLEMENTED predictor "adder" does not follow a repository',
      );
      expect(await failureOf(server.control.refresh('folowing', call()))).to.equal(
        'NOT_FOUND there is no predictor "folowing"; did you mean "following"?',
      );
    });
  });

  describe('of a server of which only parts were started', () => {
    it('is partial, not ready, and says what was started', async () => {
      const server = await create();
      await server.startOnly(['store']);
      expect([server.state, server.control.state]).to.deep.equal(['partial', 'partial']);
      expect(server.control.readiness()).to.deep.equal({
        ready: false,
        reasons: [
          'only some parts were started (store): to answer requests, start the server with `start`, not `startOnly`',
        ],
        details: [],
      });
      expect(server.control.parts().map(({ name, state }) => `${name} ${state}`)).to.deep.equal([
        'adder created',
        'following created',
        'store ready',
      ]);
    });

    it('answers no request, and says why', async () => {
      const server = await create();
      await server.startOnly(['store']);
      const message =
        'FAILED_PRECONDITION only some parts were started (store): to answer requests, start the server with `start`, not `startOnly`';
      expect(await failureOf(server.predict('echo', { request: { a: 1 } }))).to.equal(message);
      const { pipelines, predictors } = server.data;
      expect(await failureOf(pipelines.predict('echo', { request: [] }, call()))).to.equal(message);
      expect(await failureOf(predictors.describe('adder', call()))).to.equal(message);
      const reader = server.part(keyValueStore, 'store');
      expect(await reader.getMany(['k'], call())).to.deep.equal([undefined]);
    });

    it('stops what was started', async () => {
      const server = await create();
      await server.startOnly(['store']);
      await server.stop();
      expect([server.state, server.control.parts()[2]?.state]).to.deep.equal(['stopped', 'stopped']);
    });
  });
});
