import { expect } from 'chai';
import { instantOf, servedLog as port, type Cell, type PipelineDeclaration, type ServerOf } from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { memory } from 'vivace/adapters/memory';
import { servedLog } from 'vivace/plugins/served-log';
import { callContext } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { adder } from '../support/parts.js';
import { scripted, withServer } from '../support/scripted.js';
import { servedRows, type LogRow } from '../support/served-log.js';

const at = '2026-03-04T10:00:00Z';
const moment = instantOf(at)!;

const parts = {
  lake: { use: duckdb, threads: 1 },
  bucket: { use: memory },
  log: { use: servedLog, encode: 'lake', blobs: 'bucket', instance: 'pod-1' },
  user: {
    use: scripted,
    keys: { user: 'string' },
    features: { age: { type: 'float64', default: -1 }, name: 'string' },
    maxAgeMs: 86_400_000,
    read: (
      keys: { rows: number; column(name: string): { values: ArrayLike<unknown> } },
      out: {
        setMissing(row: number): void;
        eventTime: Float64Array;
        availableTime: Float64Array;
        column(name: string): { set(row: number, cell: Cell): void };
      },
    ) => {
      for (let row = 0; row < keys.rows; row++) {
        const user = keys.column('user').values[row];
        if (user === 'nobody') out.setMissing(row);
        else {
          out.eventTime[row] = moment - (user === 'old' ? 2 * 86_400e6 : 5_000_000);
          out.availableTime[row] = out.eventTime[row]! + 1;
          out.column('age').set(row, user === 'ageless' ? null : 33);
          out.column('name').set(row, `the ${String(user)}`);
        }
      }
    },
  },
  item: {
    use: scripted,
    keys: { item: 'string' },
    features: { price: 'float64' },
    read: (
      keys: { rows: number; column(name: string): { values: ArrayLike<unknown> } },
      out: { setMissing(row: number): void; column(name: string): { set(row: number, cell: Cell): void } },
    ) => {
      for (let row = 0; row < keys.rows; row++) {
        const price = Number(String(keys.column('item').values[row]).slice(1));
        if (price === 7) out.setMissing(row);
        else out.column('price').set(row, price);
      }
    },
  },
  model: { use: adder, width: 2 },
} as const;

const rank: PipelineDeclaration = {
  request: { user: 'string', at: 'timestamp' },
  time: 'request.at',
  objects: { fields: { item: 'string' } },
  record: { served: { in: 'log' } },
  steps: [
    { fetch: 'user' },
    { fetch: 'item', onMissing: 'skip' },
    { predict: 'model', inputs: { x: ['item.price', 'user.age'] } },
  ],
  response: { outputs: { score: 'model.sum' }, orderBy: 'score', descending: true },
};

const within = <T>(
  served: object,
  use: (server: ServerOf) => Promise<T>,
  { declared = rank, more = {} }: { declared?: PipelineDeclaration; more?: object } = {},
): Promise<T> =>
  withServer(
    {
      parts: { ...parts, ...more },
      pipelines: { rank: { ...declared, record: { served: { in: 'log', ...served } } } },
    },
    (server) => use(server as unknown as ServerOf),
  );

const ask = (server: ServerOf, user: string, prices: readonly number[], requestId = user): Promise<unknown> =>
  server.predict(
    'rank',
    { request: { user, at }, objects: prices.map((price) => ({ item: `i${price}` })) },
    { requestId },
  );
const picked = (rows: readonly LogRow[], ...names: string[]): Cell[][] =>
  rows.map((row) => names.map((name) => row[name]!));

describe('The log of what a pipeline served', () => {
  it('has a row per object: the request, every feature as served with its status and times, the model and the answer', async () => {
    await within({}, async (server) => {
      await ask(server, 'ada', [3, 7, 5], 'r1');
      const rows = await servedRows(server, 'rank');
      expect(rows).to.have.lengthOf(3);
      const { 'log.answered': answered, 'log.plan': plan, ...row } = rows[0]!;
      expect(answered).to.be.a('number');
      expect(plan).to.match(/^[a-z2-7]{10}$/);
      expect(row['log.contract.user']).to.match(/^[a-z2-7]{10}$/);
      expect({ ...row, 'log.contract.user': '' }).to.deep.equal({
        time: moment,
        'log.request_id': 'r1',
        'log.index': 0,
        'log.objects': 3,
        'log.position': 1,
        'log.weight': 1,
        'request.user': 'ada',
        'request.at': moment,
        'object.item': 'i3',
        'user.age': 33,
        'user.name': 'the ada',
        'log.status.user': 'PRESENT',
        'log.event_time.user': moment - 5_000_000,
        'log.available_time.user': moment - 4_999_999,
        'log.defaulted.user': null,
        'log.contract.user': '',
        'item.price': 3,
        'log.status.item': 'PRESENT',
        'log.event_time.item': null,
        'log.available_time.item': null,
        'log.defaulted.item': null,
        'model.sum': 36,
        'log.model.model': 'adder',
        'log.version.model': '1',
        'output.score': 36,
      });
      expect(
        picked(rows, 'object.item', 'log.index', 'log.position', 'log.status.item', 'output.score'),
      ).to.deep.equal([
        ['i3', 0, 1, 'PRESENT', 36],
        ['i7', 1, null, 'MISSING', null],
        ['i5', 2, 0, 'PRESENT', 38],
      ]);
    });
  });

  it('says where a default stood in, and why', async () => {
    await within({}, async (server) => {
      for (const user of ['nobody', 'old', 'ageless']) await ask(server, user, [1]);
      const rows = await servedRows(server, 'rank');
      expect(picked(rows, 'request.user', 'user.age', 'log.status.user', 'log.defaulted.user')).to.deep.equal(
        [
          ['nobody', -1, 'MISSING', ['age']],
          ['old', -1, 'STALE', ['age']],
          ['ageless', -1, 'PRESENT', ['age']],
        ],
      );
      expect(picked(rows, 'user.name', 'log.event_time.user')).to.deep.equal([
        [null, null],
        [null, moment - 2 * 86_400e6],
        ['the ageless', moment - 5_000_000],
      ]);
    });
  });

  it('has one row of a pipeline without objects', async () => {
    const { objects: _, ...rest } = rank;
    const declared = {
      ...rest,
      steps: [{ fetch: 'user' }],
      response: { outputs: { age: 'user.age' } },
    } as PipelineDeclaration;
    await within(
      {},
      async (server) => {
        await server.predict('rank', { request: { user: 'ada', at } });
        const rows = await servedRows(server, 'rank');
        expect(picked(rows, 'log.index', 'log.position', 'log.objects', 'output.age')).to.deep.equal([
          [0, 0, 1, 33],
        ]);
      },
      { declared },
    );
  });

  it('has nothing of requests that failed, and of those without objects', async () => {
    await within({}, async (server) => {
      await ask(server, 'ada', []);
      expect(await failureOf(server.predict('rank', { request: { user: 'ada' }, objects: [] }))).to.match(
        /INVALID_ARGUMENT/,
      );
      expect(await servedRows(server, 'rank')).to.deep.equal([]);
    });
  });

  it('keeps all requests of some users, and none of the others', async () => {
    await within({ share: 0.5, by: 'request.user' }, async (server) => {
      for (let i = 0; i < 60; i++) for (const n of [1, 2]) await ask(server, `u${i}`, [1], `${i}/${n}`);
      const rows = await servedRows(server, 'rank');
      const users = rows.map((row) => row['request.user']);
      expect(new Set(users).size).to.be.within(15, 45);
      expect(users).to.have.lengthOf(2 * new Set(users).size);
      expect(new Set(rows.map((row) => row['log.weight']))).to.deep.equal(new Set([2]));
    });
  });

  it('keeps the first objects of the answer and a sample of the others', async () => {
    await within({ objects: { top: 2, sample: 3 } }, async (server) => {
      await ask(
        server,
        'ada',
        Array.from({ length: 50 }, (_, i) => 100 + ((i * 7) % 50)),
      );
      const rows = await servedRows(server, 'rank');
      expect(rows).to.have.lengthOf(5);
      const top = rows.filter((row) => (row['log.position'] as number) < 2);
      expect(top.map((row) => row['item.price']).sort()).to.deep.equal([148, 149]);
      expect(top.map((row) => row['log.weight'])).to.deep.equal([1, 1]);
      expect(rows.reduce((sum, row) => sum + (row['log.weight'] as number), 0)).to.equal(50);
      expect(new Set(rows.map((row) => row['log.objects']))).to.deep.equal(new Set([50]));
    });
  });

  it('holds what a request has once only once, however many objects it has', async () => {
    const declared = { ...rank, request: { ...rank.request, note: 'string' } } as PipelineDeclaration;
    const note = 'x'.repeat(60_000);
    const objects = Array.from({ length: 1000 }, (_, i) => ({ item: `i${100 + i}` }));
    await within(
      {},
      async (server) => {
        await server.predict('rank', { request: { user: 'ada', at, note }, objects });
        // For each of the 1,000 rows, it would be 120 MB, and two of them more than is held at most.
        await server.predict('rank', { request: { user: 'ada', at, note }, objects });
        expect(await servedRows(server, 'rank')).to.have.lengthOf(2000);
      },
      { declared },
    );
  });

  it('names its files by pipeline, day and instance', async () => {
    await within({}, async (server) => {
      await ask(server, 'ada', [1]);
      await servedRows(server, 'rank');
      const [file] = await server
        .part(port, 'log')
        .files({ kind: 'served', name: 'rank' }, {}, callContext());
      expect(file!.key).to.match(/^served\/rank\/dt=\d{4}-\d\d-\d\d\/pod-1-[0-9a-f]{10}-000000\.parquet$/);
    });
  });

  it('costs nothing and says nothing where it is not declared', async () => {
    await withServer(
      { parts, pipelines: { rank: { ...rank, record: { metrics: true } } } },
      async (server) => {
        await ask(server as unknown as ServerOf, 'ada', [1]);
        expect(await servedRows(server, 'rank')).to.deep.equal([]);
      },
    );
  });

  describe('is refused at start', () => {
    const refused: readonly (readonly [string, object, RegExp])[] = [
      [
        'without a part',
        { in: 'lag' },
        /record\.served\.in: there is no served-log part "lag"; did you mean "log"\?/,
      ],
      ['with a part of another kind', { in: 'bucket' }, /"bucket" is not a served-log but a/],
      [
        'with a key that there is not',
        { shard: 0.5 },
        /record\.served.*unknown key "shard"; did you mean "share"/,
      ],
      ['with a share of nothing', { share: 0 }, /record\.served\.share/],
      ['by a field that there is not', { by: 'request.usr' }, /record\.served\.by.*request\.usr/],
      ['by a field of objects', { by: 'object.item' }, /"object\.item" is not a field of the request/],
      ['by a feature', { by: 'user.name' }, /"user\.name" is not a field of the request/],
      ['with objects that are none', { objects: {} }, /keeps no object/],
    ];
    for (const [what, served, message] of refused)
      it(what, async () => {
        expect(await failureOf(within(served, async () => undefined))).to.match(message);
      });

    it('with columns that a file does not tell apart', async () => {
      const declared = { ...rank, request: { ...rank.request, USER: 'string' } } as PipelineDeclaration;
      expect(await failureOf(within({}, async () => undefined, { declared }))).to.match(
        /"request\.user" and "request\.USER" differ in case only/,
      );
    });
  });
});
