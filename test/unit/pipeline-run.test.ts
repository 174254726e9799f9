import { expect } from 'chai';
import { createServer, definePipeline, VivaceError, type ServerOf } from 'vivace';
import { adder, doubler, table } from '../support/parts.js';
import { predictText } from '../support/predict-text.js';

const rank = definePipeline({
  request: { from: 'string', bonus: 'float64' },
  objects: { fields: { to: 'string' }, max: 5 },
  steps: [
    { fetch: 'origin', as: 'here', key: { id: 'request.from' } },
    { fetch: 'places', as: 'there', key: { id: 'object.to' } },
    { transform: 'doubler', inputs: { value: 'there.f0' } },
    { predict: 'adder', inputs: { x: ['here.f0', 'there.f0', 'doubler.twice', 'request.bonus'] } },
  ],
  response: { outputs: { score: 'adder.sum' }, orderBy: 'score', descending: true },
});

describe('pipeline', () => {
  let server: ServerOf<{ rank: typeof rank }>;
  const reads: string[][] = [];
  let outage: Error | undefined;

  beforeEach(async () => {
    reads.length = 0;
    outage = undefined;
    server = await createServer({
      parts: {
        origin: { use: table, rows: { a: [100], b: [200] } },
        places: {
          use: table,
          rows: { x: [1], y: [2], z: [3] },
          defaults: [7],
          onRead: (keys: string[]) => reads.push(keys),
          fail: () => outage,
        },
        doubler: { use: doubler },
        adder: { use: adder, width: 4 },
      },
      pipelines: { rank },
      clock: { now: () => 1_000_000, monotonic: () => 0 },
    });
    await server.start();
  });
  afterEach(() => server.stop());

  it('fetches per request and per object, transforms, predicts and sorts', async () => {
    const answer = await server.predict('rank', {
      request: { from: 'a', bonus: 0.5 },
      objects: [{ to: 'x' }, { to: 'z' }, { to: 'y' }],
    });
    expect(answer.objects).to.deep.equal([
      { index: 1, to: 'z', score: 109.5 },
      { index: 2, to: 'y', score: 106.5 },
      { index: 0, to: 'x', score: 103.5 },
    ]);
    expect(answer.degraded).to.deep.equal([]);
    expect(answer.models).to.deep.equal([{ step: 'adder', name: 'adder', version: '1' }]);
  });

  it('reads each distinct key once', async () => {
    const answer = await server.predict('rank', {
      request: { from: 'a', bonus: 0 },
      objects: [{ to: 'x' }, { to: 'y' }, { to: 'x' }],
    });
    expect(reads).to.deep.equal([['x', 'y']]);
    expect(answer.objects.map((object) => object.score)).to.deep.equal([106, 103, 103]);
  });

  it('puts the default in place of a missing row and says so', async () => {
    const answer = await server.predict('rank', {
      request: { from: 'a', bonus: 0 },
      objects: [{ to: 'x' }, { to: 'nowhere' }],
      explain: true,
    });
    expect(answer.objects[0]).to.deep.equal({ index: 1, to: 'nowhere', score: 121 });
    expect(answer.degraded).to.deep.equal([{ step: 'there', status: 'MISSING', rows: 1 }]);
    const explained = answer.explain as {
      objects: { there: { status: string; features: { f0: { status: string } } } }[];
    };
    expect(explained.objects[1]!.there.status).to.equal('MISSING');
    expect(explained.objects[1]!.there.features.f0.status).to.equal('DEFAULTED');
  });

  it('answers with defaults during an outage, which never looks like a miss', async () => {
    outage = new VivaceError('UNAVAILABLE', 'the store is away');
    const answer = await server.predict('rank', { request: { from: 'a', bonus: 0 }, objects: [{ to: 'x' }] });
    expect(answer.objects[0]!.score).to.equal(121);
    expect(answer.degraded).to.deep.equal([
      { step: 'there', status: 'FAILED', rows: 1, code: 'UNAVAILABLE' },
    ]);
  });

  it('answers columns with columns', async () => {
    const answer = (await server.predict('rank', {
      request: { from: 'b', bonus: 0 },
      objects: { to: ['x', 'z'] },
    })) as unknown as { objects: object };
    expect(answer.objects).to.deep.equal({ index: [1, 0], to: ['z', 'x'], score: [209, 203] });
  });

  it('says the same as text and as value', async () => {
    const body = {
      request: { from: 'a', bonus: 1 },
      objects: [{ to: 'x' }, { to: 'nowhere' }],
      explain: true,
    };
    const text = await predictText(server.data, 'rank', body);
    expect(JSON.parse(text)).to.deep.equal(await server.predict('rank', body, { requestId: 'r' }));
  });

  it('answers no objects with no objects', async () => {
    const answer = await server.predict('rank', { request: { from: 'a', bonus: 1 }, objects: [] });
    expect(answer.objects).to.deep.equal([]);
  });

  it('names the path of what is wrong with a request', async () => {
    const wrong: [object, string][] = [
      [{ request: { from: 1, bonus: 0 }, objects: [] }, 'request.from'],
      [{ request: { from: 'a' }, objects: [] }, 'request.bonus'],
      [{ request: { from: 'a', bonus: 0, more: 1 }, objects: [] }, 'request.more'],
      [{ request: { from: 'a', bonus: 0 }, objects: [{ to: 'x' }, { to: null }] }, 'objects[1].to'],
      [{ request: { from: 'a', bonus: 0 }, objects: [{ to: 'x', __proto__x: 1 }] }, 'objects[0].__proto__x'],
      [{ request: { from: 'a', bonus: 0 }, objects: new Array(6).fill({ to: 'x' }) }, 'objects'],
      [{ request: { from: 'a', bonus: 0 } }, 'objects'],
    ];
    for (const [body, path] of wrong) {
      const error = await server.predict('rank', body as never).then(
        () => undefined,
        (thrown: unknown) => thrown as VivaceError,
      );
      expect(error?.code, path).to.equal('INVALID_ARGUMENT');
      expect(error?.path).to.equal(path);
    }
  });
});
