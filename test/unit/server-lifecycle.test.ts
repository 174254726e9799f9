import { expect } from 'chai';
import {
  createServer,
  defineAdapter,
  definePlugin,
  featureSource,
  keyValueStore,
  transport,
  type CallContext,
  type FeaturesLock,
  type LockedView,
  type Planes,
  type Server,
  type VivaceError,
} from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { z } from 'zod';
import { lockOf } from '../../core/pipeline/features-lock.js';
import { failure } from '../support/failure.js';
import { noting, stored } from '../support/lifecycle-parts.js';
import { adder, echo } from '../support/parts.js';
import { predictText } from '../support/predict-text.js';

describe('Server', () => {
  it('starts dependencies first and stops them last', async () => {
    const events: string[] = [];
    const server = await createServer({
      parts: {
        source: { use: stored, store: 'deep' },
        other: { use: noting(events) },
        deep: { use: noting(events) },
        adder: { use: adder, width: 1 },
      },
      pipelines: { echo },
    });
    await server.start();
    await server.stop();
    expect(events).to.deep.equal(['start deep', 'start other', 'stop other', 'stop deep']);
  });

  it('names the part that did not start, and stops those that had', async () => {
    const events: string[] = [];
    const server = await createServer({
      parts: { first: { use: noting(events) }, second: { use: noting(events, { failStart: true }) } },
      pipelines: {},
    });
    const error = await failure(server.start());
    expect(error.message).to.match(/second.*no route to host/);
    expect(events).to.deep.equal(['start first', 'start second', 'stop second', 'stop first']);
    expect(server.state).to.equal('failed');
  });

  it('names the part that did not start, not the one it uses, also where one name is in the other', async () => {
    const reader = definePlugin({
      provides: featureSource,
      name: 'reader',
      options: z.strictObject({}),
      uses: { store: keyValueStore },
      describe: () => ({ keys: { id: 'string' }, features: { v: 'float64' }, offline: 'log-only' }),
      create: (_, { store }) => ({
        async start(context: CallContext) {
          await store.getMany(['k'], context);
        },
        read: () => undefined,
      }),
    });
    const server = await createServer({
      parts: {
        in: { use: reader, store: 'inner' },
        inner: { use: noting([], { failRead: true }) },
      },
      pipelines: {},
    });
    const error = await failure(server.start());
    expect([error.part, error.code, error.message]).to.deep.equal([
      'in',
      'UNAVAILABLE',
      'in: inner: no route in time',
    ]);
    expect((error.cause as VivaceError).part).to.equal('inner');
  });

  it('names the part that hangs at start', async () => {
    const events: string[] = [];
    const server = await createServer({
      parts: { stuck: { use: noting(events, { hang: true }) } },
      pipelines: {},
      startTimeoutMs: 50,
    });
    const error = await failure(server.start());
    expect(error.code).to.equal('DEADLINE_EXCEEDED');
    expect(error.message).to.contain('"stuck"');
  });

  it('waits for what is starting when it is stopped meanwhile', async () => {
    const events: string[] = [];
    const server = await createServer({
      parts: { first: { use: noting(events) }, second: { use: noting(events, { hang: true }) } },
      pipelines: {},
    });
    const starting = failure(server.startOnly(['first', 'second']));
    await server.stop();
    expect((await starting).code).to.equal('CANCELLED');
    expect(events).to.include('stop first');
    expect(server.state).to.equal('stopped');
  });

  it('ends stopped where the start of a part stops it at once', async () => {
    const events: string[] = [];
    let stopped: Promise<void> | undefined;
    const impatient = defineAdapter({
      provides: keyValueStore,
      name: 'impatient',
      options: z.strictObject({}),
      create: () => ({
        supports: { maxBatch: 1 },
        start: () => void (stopped = server.stop()),
        stop: () => void events.push('stop impatient'),
        getMany: () => [],
        putNewest: () => [],
      }),
    });
    const server = await createServer({ parts: { impatient: { use: impatient } }, pipelines: {} });
    expect((await failure(server.start())).code).to.equal('CANCELLED');
    await stopped;
    expect(events).to.deep.equal(['stop impatient']);
    expect(server.state).to.equal('stopped');
  });

  it('answers the calls in flight and refuses new ones while it drains', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const server = await createServer({
      parts: { adder: { use: adder, width: 1, onPredict: () => held } },
      pipelines: { echo },
    });
    await server.start();
    const inFlight = server.predict('echo', { request: { a: 3 } });
    const stopping = server.stop();
    const refused = await failure(server.predict('echo', { request: { a: 1 } }));
    expect([refused.code, refused.httpStatus, refused.retryAfterMs]).to.deep.equal([
      'UNAVAILABLE',
      503,
      1000,
    ]);
    expect(server.control.readiness().ready).to.equal(false);
    release();
    expect((await inFlight).outputs).to.deep.equal({ sum: 3 });
    await stopping;
    expect(server.state).to.equal('stopped');
  });

  it('cuts off what is still in flight when the time to drain has passed', async () => {
    const server = await createServer({
      parts: { adder: { use: adder, width: 1, onPredict: () => new Promise<void>(() => undefined) } },
      pipelines: { echo: { ...echo, deadlineMs: 60_000 } },
      drainTimeoutMs: 20,
    });
    await server.start();
    const cut = failure(server.predict('echo', { request: { a: 3 } }));
    void server.stop();
    expect((await cut).code).to.equal('CANCELLED');
  });

  describe('a model with a lock', () => {
    const locked = async (
      featuresLock: FeaturesLock,
      {
        strictContract = false,
        onMissing = 'default',
      }: { readonly strictContract?: boolean; readonly onMissing?: 'default' | 'null' } = {},
    ): Promise<Server> =>
      createServer({
        parts: {
          adder: { use: adder, width: 1, featuresLock, strictContract },
          hot: { use: memory },
          online: { use: 'online-store', store: 'hot' },
        },
        views: {
          price: {
            store: 'online',
            entity: { id: 'string' },
            features: { v: { type: 'float64', default: 1 } },
          },
          other: { store: 'online', entity: { id: 'string' }, features: { w: { type: 'float64' } } },
        },
        pipelines: {
          scored: {
            request: { id: 'string' },
            steps: [
              { fetch: 'price', as: 'cost', onMissing },
              { fetch: 'other' },
              { predict: 'adder', inputs: { x: ['cost.v'] } },
            ],
            response: { outputs: { sum: 'adder.sum', w: 'other.w' } },
          },
        },
      });
    const start = async (...given: Parameters<typeof locked>): Promise<Server> =>
      (await locked(...given)).start();
    /** What a training set of the pipeline says of its views. */
    const now = async (): Promise<FeaturesLock> => {
      const server = await start({});
      const plan = (await server.compile()).get('scored')!;
      await server.stop();
      return lockOf(plan.nodes);
    };

    it('is refused where its columns come from no view of that version', async () => {
      const { price, other } = (await now()) as { price: LockedView; other: LockedView };
      const error = await failure(start({ price: { ...price, hash: 'aaaaaaaaaa' } }));
      expect([error.code, error.path]).to.deep.equal(['INVALID_CONFIG', 'pipelines.scored.steps[2].predict']);
      expect(error.message).to.match(
        /adder 1 was trained on view "price" aaaaaaaaaa, and here its hash is [a-z2-7]{10}: bring back/,
      );
      // The pipeline has the view, but the columns of this model do not come from it.
      expect((await failure(start({ other }))).message).to.contain(
        'the columns of this step come from no such view',
      );
      await (await start({ renamed: price })).stop();
    });

    it('is warned of where rows of its views are read in another way, and refused where it is strict', async () => {
      const { price } = (await now()) as { price: LockedView };
      const server = await start({ price }, { onMissing: 'null' });
      const found = { pipeline: 'scored', step: 'adder', predictor: 'adder', view: 'price' };
      expect(server.control.contracts()).to.deep.equal([found]);
      expect(server.control.info()['contracts']).to.deep.equal([found]);
      expect(server.control.readiness().ready).to.equal(true);
      expect(server.control.readiness().details[0]).to.match(
        /^contract: scored\.adder: the model of predictor "adder" was trained on rows of view "price" that were read in another way/,
      );
      await server.stop();
      const strict = await failure(start({ price }, { onMissing: 'null', strictContract: true }));
      expect([strict.code, strict.path]).to.deep.equal([
        'INVALID_CONFIG',
        'pipelines.scored.steps[2].predict',
      ]);
      const same = await start({ price }, { strictContract: true });
      expect(same.control.contracts()).to.deep.equal([]);
      await same.stop();
    });
  });

  it('is not ready while a predictor has no loaded model', async () => {
    let loaded = false;
    const server = await createServer({
      parts: { adder: { use: adder, width: 1, loaded: () => loaded } },
      pipelines: { echo },
    });
    await server.start();
    expect(server.control.readiness()).to.deep.equal({
      ready: false,
      reasons: ['predictor "adder" has no loaded model'],
      details: [],
    });
    loaded = true;
    expect(server.control.readiness().ready).to.equal(true);
    await server.stop();
  });

  it('opens transports last, when everything else answers', async () => {
    let answer: unknown;
    const probe = definePlugin({
      provides: transport,
      name: 'probe',
      options: z.strictObject({}),
      create: () => ({
        async serve({ data }: Planes) {
          answer = JSON.parse(await predictText(data, 'echo', { request: { a: 2 } }));
        },
      }),
    });
    const server = await createServer({
      parts: { probe: { use: probe }, adder: { use: adder, width: 1 } },
      pipelines: { echo },
    });
    await server.start();
    await server.stop();
    expect(answer).to.deep.equal({
      requestId: 'r',
      models: [{ step: 'adder', name: 'adder', version: '1' }],
      outputs: { sum: 2 },
      degraded: [],
    });
  });

  it('has no models before it started and after it stopped, and says so without failing', async () => {
    const server = await createServer({ parts: { adder: { use: adder, width: 1 } }, pipelines: { echo } });
    expect([server.control.models(), server.control.info()['models']]).to.deep.equal([[], []]);
    await server.start();
    expect(server.control.models()).to.have.length(1);
    await server.stop();
    expect([server.control.models(), server.control.readiness().ready]).to.deep.equal([[], false]);
  });

  it('stops what has started when it is stopped while it starts', async () => {
    const events: string[] = [];
    const slow = defineAdapter({
      provides: keyValueStore,
      name: 'slow',
      options: z.strictObject({}),
      create: () => ({
        supports: { maxBatch: 1 },
        start: ({ signal }) =>
          new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(new Error('left')))),
        getMany: () => [],
        putNewest: () => [],
      }),
    });
    const server = await createServer({
      parts: { first: { use: noting(events) }, second: { use: slow }, third: { use: noting(events) } },
      pipelines: {},
    });
    const starting = failure(server.start());
    await new Promise((resolve) => setImmediate(resolve));
    await server.stop();
    expect((await starting).code).to.equal('CANCELLED');
    expect(events).to.deep.equal(['start first', 'stop first']);
    expect(server.state).to.equal('stopped');
  });

  it('refuses calls after a start that failed', async () => {
    const broken = definePlugin({
      provides: transport,
      name: 'broken',
      options: z.strictObject({}),
      create: () => ({
        serve() {
          throw new Error('the port is taken');
        },
      }),
    });
    const server = await createServer({
      parts: { broken: { use: broken }, adder: { use: adder, width: 1 } },
      pipelines: { echo },
    });
    expect((await failure(server.start())).message).to.contain('the port is taken');
    const refused = await failure(server.predict('echo', { request: { a: 1 } }));
    expect(refused.code).to.equal('UNAVAILABLE');
  });
});
