import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  buildTrainingSet,
  materializeViews,
  type PipelineDeclaration,
  type Server,
  type ServerOf,
  type SpineInput,
} from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { memory } from 'vivace/adapters/memory';
import { offlineStore } from 'vivace/plugins/offline-store';
import { onlineStore } from 'vivace/plugins/online-store';
import { callContext } from 'vivace/testing';
import { numbersFrom } from '../../core/testing/offline-store/histories.js';
import { failureOf } from '../support/failure.js';
import { scriptedTransform, withServer } from '../support/scripted.js';

/** The part of the request's objects that each one is, and how many they are. */
const share = {
  use: scriptedTransform,
  describes: {
    reads: { price: 'float64', bonus: 'float64' },
    writes: { share: 'float64', objects: 'int32' },
    over: 'request',
  },
  apply: (
    input: { offsets: Uint32Array; column(name: string): { values: ArrayLike<number> } },
    out: { column(name: string): { set(row: number, value: number): void } },
  ) => {
    const [price, bonus] = [input.column('price').values, input.column('bonus').values];
    for (let request = 0; request + 1 < input.offsets.length; request++) {
      const [from, to] = [input.offsets[request]!, input.offsets[request + 1]!];
      let sum = 0;
      for (let row = from; row < to; row++) sum += price[row]!;
      for (let row = from; row < to; row++) {
        out.column('share').set(row, price[row]! / sum + bonus[row]!);
        out.column('objects').set(row, to - from);
      }
    }
  },
};

const pipeline: PipelineDeclaration = {
  request: { user: 'string', moment: 'timestamp' },
  time: 'request.moment',
  objects: { fields: { item: 'string' }, max: 40 },
  steps: [
    { fetch: 'item' },
    { fetch: 'user' },
    { transform: 'share', inputs: { price: 'item.price', bonus: 'user.bonus' } },
  ],
  response: { outputs: { share: 'share.share', objects: 'share.objects' } },
};
const views = {
  item: {
    store: 'online',
    entity: { item: 'string' },
    source: { table: 'items.csv' },
    features: { price: { type: 'float64' } },
  },
  user: {
    store: 'online',
    entity: { user: 'string' },
    source: { table: 'users.csv' },
    features: { bonus: { type: 'float64', default: 0 } },
  },
} as const;
const spine = { table: 'impressions.csv', time: 'moment', group: 'impression' } satisfies SpineInput;

describe('A spine with groups', () => {
  let directory: string;
  const random = numbersFrom(7);
  const below = (limit: number): number => Math.floor(random() * limit);
  const requests = Array.from({ length: 600 }, (_, i) => ({
    impression: `i${i}`,
    user: `u${below(20)}`,
    moment: new Date(Date.UTC(2026, 0, 1, 0, below(300))).toISOString(),
    items: Array.from({ length: 1 + below(40) }, () => `p${below(200)}`),
  }));
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-grouped-'));
    const write = (name: string, lines: readonly string[]): void =>
      writeFileSync(join(directory, name), `${lines.join('\n')}\n`);
    write('items.csv', ['item,price', ...Array.from({ length: 200 }, (_, i) => `p${i},${random() * 100}`)]);
    write('users.csv', ['user,bonus', ...Array.from({ length: 15 }, (_, i) => `u${i},${random()}`)]);
    const lines = requests.flatMap(({ impression, user, moment, items }) =>
      items.map((item) => ({ order: random(), line: `${impression},${user},${moment},${item}` })),
    );
    // In no order, as a warehouse has them.
    lines.sort((a, b) => a.order - b.order);
    write('impressions.csv', ['impression,user,moment,item', ...lines.map(({ line }) => line)]);
    const wrong = (name: string, ...rows: readonly string[]): void =>
      write(`${name}.csv`, ['impression,user,moment,item', ...rows]);
    wrong('other-user', 'a,u1,2026-01-01T00:00:00Z,p1', 'a,u2,2026-01-01T00:00:00Z,p2');
    wrong('large', ...Array.from({ length: 41 }, (_, i) => `a,u1,2026-01-01T00:00:00Z,p${i}`));
    wrong('none', 'a,u1,2026-01-01T00:00:00Z,p1', ',u1,2026-01-01T00:00:00Z,p2');
  });
  after(() => rmSync(directory, { recursive: true }));

  const within = <T>(use: (server: ServerOf) => Promise<T>): Promise<T> =>
    withServer(
      {
        directory,
        parts: {
          hot: { use: memory },
          lake: { use: duckdb },
          online: { use: onlineStore, store: 'hot' },
          history: { use: offlineStore, warehouse: 'lake', online: 'online' },
          share,
        },
        views,
        pipelines: { p: pipeline },
      },
      use,
    );
  const build = (server: Server, given: object = {}): Promise<{ rows: number }> =>
    buildTrainingSet(
      server,
      join(directory, 'set.csv'),
      { pipeline: 'p', spine: { ...spine, ...given } },
      callContext(60_000),
    );
  const written = (): Record<string, string>[] => {
    const [head, ...lines] = readFileSync(join(directory, 'set.csv'), 'utf8').trim().split('\n');
    const names = head!.split(',');
    return lines.map((line) => Object.fromEntries(line.split(',').map((cell, i) => [names[i]!, cell])));
  };

  it('is trained on what requests of many objects are served, number for number', async () => {
    await within(async (server) => {
      await materializeViews(server, { untilMs: Date.UTC(2026, 1) }, callContext());
      const { rows } = await build(server);
      expect(rows).to.equal(requests.reduce((sum, { items }) => sum + items.length, 0));
      const set = written();
      let row = 0;
      while (row < set.length) {
        const objects = Number(set[row]!['share.objects']);
        const of = set.slice(row, row + objects);
        row += objects;
        const answer = await server.predict<{ share: number; objects: number }>('p', {
          request: { user: of[0]!['request.user']!, moment: `${of[0]!['time']!.replace(' ', 'T')}Z` },
          objects: of.map((each) => ({ item: each['object.item']! })),
        });
        expect(
          answer.objects.map(({ share: part, objects: n }) => ({ share: part, objects: n })),
        ).to.deep.equal(of.map((each) => ({ share: Number(each['share.share']), objects })));
      }
    });
  });

  it('is sampled by whole groups', async () => {
    await within(async (server) => {
      await build(server, { sample: { of: 3 } });
      const set = written();
      expect(set.length).to.be.above(0);
      const groups = new Map<string, number>();
      for (const row of set) {
        const key = `${row['time']} ${row['request.user']} ${row['share.objects']}`;
        groups.set(key, (groups.get(key) ?? 0) + 1);
      }
      for (const [key, rows] of groups) expect(rows % Number(key.split(' ').at(-1)), key).to.equal(0);
    });
  });

  for (const [table, message] of [
    ['other-user', /spine: the rows of the group "a" differ in "request.user", which one request has once/],
    ['large', /spine: the group "a" has 41 rows, but a request has at most 40 objects/],
    ['none', /spine: some rows have no group/],
  ] as const)
    it(`is refused where a group is no request: ${table}`, async () => {
      await within(async (server) => {
        expect(await failureOf(build(server, { table: `${table}.csv` }))).to.match(message);
      });
    });

  it('says that a step over whole requests needs it', async () => {
    await within(async (server) => {
      expect(await failureOf(build(server, { group: undefined }))).to.match(
        /looks at all objects of a request together .* say with `group` of the spine which rows are one request/,
      );
    });
  });
});
