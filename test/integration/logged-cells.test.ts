import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  buildTrainingSet,
  materializeViews,
  servedLog as port,
  status,
  VivaceError,
  type FeatureRows,
  type Keys,
  type PipelineDeclaration,
  type ServerOf,
  type TrainingSetManifest,
} from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { memory } from 'vivace/adapters/memory';
import { offlineStore } from 'vivace/plugins/offline-store';
import { onlineStore } from 'vivace/plugins/online-store';
import { servedLog } from 'vivace/plugins/served-log';
import { callContext } from 'vivace/testing';
import { numbersFrom } from '../../core/testing/offline-store/histories.js';
import { failureOf } from '../support/failure.js';
import { scripted, scriptedTransform, withServer, type ReadRows } from '../support/scripted.js';

/** The part of the request's objects that each one is. */
const share = {
  use: scriptedTransform,
  describes: { reads: { price: 'float64' }, writes: { share: 'float64' }, over: 'request' },
  apply: (
    input: { offsets: Uint32Array; column(name: string): { values: ArrayLike<number> } },
    out: { column(name: string): { set(row: number, value: number): void } },
  ) => {
    const price = input.column('price').values;
    for (let request = 0; request + 1 < input.offsets.length; request++) {
      const [from, to] = [input.offsets[request]!, input.offsets[request + 1]!];
      let sum = 0;
      for (let row = from; row < to; row++) sum += price[row]!;
      for (let row = from; row < to; row++) out.column('share').set(row, price[row]! / sum);
    }
  },
};

const pipeline: PipelineDeclaration = {
  request: { user: 'string', at: 'timestamp' },
  time: 'request.at',
  objects: { fields: { item: 'string' }, max: 40 },
  record: { served: { in: 'log' } },
  steps: [
    { fetch: 'user' },
    { fetch: 'item', onMissing: 'skip' },
    { transform: 'share', inputs: { price: 'item.price' } },
  ],
  response: { outputs: { share: 'share.share' } },
};

const views = {
  user: {
    store: 'online',
    entity: { user: 'string' },
    source: { table: 'users.csv', eventTime: 'at' },
    maxAgeMs: 30 * 86_400_000,
    features: {
      bonus: { type: 'float64', default: 0.5 },
      tier: { type: 'string' },
      seen: { type: 'timestamp' },
      visits: { type: 'int64', default: 3 },
      vip: { type: 'bool' },
      weight: { type: 'float32' },
    },
  },
  item: {
    store: 'online',
    entity: { item: 'string' },
    source: { table: 'items.csv', eventTime: 'at', availableTime: 'known' },
    features: { price: { type: 'float64' } },
  },
} as const;

const day = 86_400_000;
const start = Date.UTC(2026, 0, 1);

describe('A training set from the log', function () {
  this.timeout(60_000);
  let directory: string;
  const random = numbersFrom(11);
  const below = (limit: number): number => Math.floor(random() * limit);
  const iso = (ms: number): string => new Date(ms).toISOString();
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-logged-'));
    const write = (name: string, lines: readonly string[]): void =>
      writeFileSync(join(directory, name), `${lines.join('\n')}\n`);
    write('users.csv', [
      'user,at,bonus,tier,seen,visits,vip,weight',
      ...Array.from({ length: 60 }, (_, i) => {
        const at = iso(start + (i < 5 ? -40 : below(4)) * day);
        return `u${i % 30},${at},${i % 7 === 0 ? '' : random()},t${below(3)},${iso(start + below(1000))},${below(9)},${i % 2 === 0},${random()}`;
      }),
    ]);
    write('items.csv', [
      'item,at,known,price',
      ...Array.from({ length: 300 }, () => {
        const at = start + below(4) * day;
        return `p${below(80)},${iso(at)},${iso(at + below(day))},${random() * 100}`;
      }),
    ]);
    write('clicks.csv', ['request,place', 'r0,0', 'r1,1']);
  });
  after(() => rmSync(directory, { recursive: true }));

  const parts = {
    hot: { use: memory },
    lake: { use: duckdb, threads: 1 },
    online: { use: onlineStore, store: 'hot' },
    history: { use: offlineStore, warehouse: 'lake', online: 'online' },
    bucket: { use: memory },
    log: { use: servedLog, encode: 'lake', blobs: 'bucket' },
    share,
  };
  const within = <T>(
    use: (server: ServerOf) => Promise<T>,
    {
      declared = pipeline,
      more = {},
      viewed = views,
      others = {},
      override = {},
    }: {
      declared?: PipelineDeclaration;
      more?: object;
      viewed?: object;
      others?: Record<string, PipelineDeclaration>;
      override?: object;
    } = {},
  ): Promise<T> =>
    withServer(
      {
        directory,
        parts: { ...parts, ...more },
        views: viewed as typeof views,
        pipelines: { p: declared, ...others },
        override: override as never,
      },
      (server) => use(server as unknown as ServerOf),
    );

  /** Serves requests at some moments, each as the store was kept up to then. */
  async function serve(server: ServerOf, requests = 60, from = 0): Promise<void> {
    const moments = Math.min(6, requests);
    let until = -1;
    for (let i = 0; i < requests; i++) {
      const moment = Math.floor((i / requests) * moments);
      const at = start + Math.floor((moment / moments) * 4 * day) + 1;
      if (moment > until) await materializeViews(server, { untilMs: at }, callContext());
      until = moment;
      await server.predict(
        'p',
        {
          request: { user: `u${below(32)}`, at: iso(at) },
          objects: Array.from({ length: 1 + below(12) }, () => ({ item: `p${below(85)}` })),
        },
        { requestId: `r${from + i}` },
      );
    }
    await server.part(port, 'log').flush(callContext());
  }
  const build = (
    server: ServerOf,
    spine: object,
    { pipeline: of = 'p', ...options }: { pipeline?: string; allowFailed?: boolean } = {},
  ): Promise<TrainingSetManifest> =>
    buildTrainingSet(
      server,
      join(directory, 'set.csv'),
      { pipeline: of, spine, ...options },
      callContext(60_000),
    );
  const written = (): string => readFileSync(join(directory, 'set.csv'), 'utf8');
  const cellsOf = (
    { columns }: TrainingSetManifest,
    name: string,
  ): { logged: number; computed: number; missing: number } =>
    columns.find((column) => column.name === name)!.cells!;

  it('is what is computed from history, byte for byte, on a stream where nothing is late', async () => {
    await within(async (server) => {
      await serve(server);
      const logged = await build(server, { served: 'p' });
      const fromLog = written();
      const computed = await build(server, { served: 'p', compute: true });
      expect(written()).to.equal(fromLog);
      expect(logged.digest).to.equal(computed.digest);
      expect(logged.rows).to.be.above(200);
      const price = cellsOf(logged, 'item.price');
      expect([price.computed, price.logged + price.missing]).to.deep.equal([0, logged.rows]);
      expect(price.missing).to.be.above(0);
      expect(cellsOf(computed, 'item.price').logged).to.equal(0);
      expect(cellsOf(logged, 'share.share').logged).to.equal(0);
      // Some of everything that may happen to a row was among them.
      expect(fromLog).to.match(/,0\.5,/);
    });
  });

  it('has what was served where history has changed since', async () => {
    await within(async (server) => {
      await serve(server, 20);
      const before = await build(server, { served: 'p' });
      const users = readFileSync(join(directory, 'users.csv'), 'utf8');
      writeFileSync(join(directory, 'users.csv'), users.replaceAll(/,t\d,/g, ',other,'));
      try {
        expect((await build(server, { served: 'p' })).digest).to.equal(before.digest);
        expect((await build(server, { served: 'p', compute: true })).digest).to.not.equal(before.digest);
      } finally {
        writeFileSync(join(directory, 'users.csv'), users);
      }
    });
  });

  it('computes what was served under another contract, and what could not be read', async () => {
    let away = true;
    const flaky: ReadRows = (_, out) => {
      if (away) throw new VivaceError('UNAVAILABLE', 'away');
      for (let row = 0; row < out.rows; row++) out.setMissing(row);
    };
    const bucket = { use: memory };
    await within(
      async (server) => {
        await serve(server, 10);
        const failed = await build(server, { served: 'p' });
        expect(cellsOf(failed, 'live.value')).to.deep.equal({ logged: 0, computed: 0, missing: failed.rows });
        away = false;
        await serve(server, 10, 10);
        // Another default is another contract.
        const other = await build(server, { served: 'p' }, { pipeline: 'q' });
        expect(cellsOf(other, 'item.price').logged).to.equal(0);
        expect(cellsOf(other, 'item.price').computed).to.be.above(0);
        expect(cellsOf(other, 'user.tier').logged).to.be.above(0);
      },
      {
        declared: { ...pipeline, steps: [...pipeline.steps, { fetch: 'live', key: { id: 'user' } }] },
        others: {
          q: {
            ...pipeline,
            record: false,
            steps: [{ fetch: 'user' }, { fetch: 'item', onMissing: 'null' }],
            response: { outputs: { price: 'item.price' } },
          },
        },
        more: {
          bucket,
          live: {
            use: scripted,
            features: { value: { type: 'float64', default: 7 } },
            offline: 'log-only',
            read: flaky,
          },
        },
      },
    );
  });

  it('has features of a source that answers online only, and none where the log has none', async () => {
    const live = {
      use: scripted,
      features: { value: 'float64', list: 'float32[2]' },
      offline: 'log-only',
      read: ((keys: Keys, out: FeatureRows) => {
        (keys.column('id').values as readonly string[]).forEach((id, row) => {
          const number = Number(id.slice(1));
          if (number % 3 === 0) return out.setMissing(row);
          out.status[row] = status.PRESENT;
          out.eventTime[row] = 1;
          out.availableTime[row] = 1;
          out.columns[0]!.set(row, number);
          out.columns[1]!.set(row, [number, 0.5]);
        });
      }) as ReadRows,
    };
    const steps = [...pipeline.steps, { fetch: 'live', key: { id: 'object.item' } }];
    const declared = { ...pipeline, steps } as PipelineDeclaration;
    await within(
      async (server) => {
        await serve(server, 10);
        const set = await build(server, { served: 'p' });
        const [head, ...lines] = written().trim().split('\n');
        const names = head!.split(',');
        const [item, value] = ['object.item', 'live.value'].map((name) => names.indexOf(name));
        for (const line of lines) {
          const cells = line.split(',');
          const number = Number(cells[item!]!.slice(1));
          expect(cells[value!], line).to.equal(number % 3 === 0 ? '' : `${number}.0`);
        }
        expect(cellsOf(set, 'live.value').logged).to.be.above(0);
        expect(cellsOf(set, 'live.list')).to.deep.equal(cellsOf(set, 'live.value'));
        expect((await build(server, { served: 'p', compute: true })).digest).to.equal(set.digest);
        expect(await failureOf(build(server, { table: 'clicks.csv', time: 'x' }))).to.match(/clicks\.csv/);
      },
      { declared, more: { live } },
    );
  });

  it('has features of a view whose rows are only pushed', async () => {
    const { source: _, ...pushed } = views.user;
    await within(
      async (server) => {
        await materializeViews(server, { views: ['item'], untilMs: start + day }, callContext());
        await server.predict('p', {
          request: { user: 'u1', at: iso(start + day) },
          objects: [{ item: 'p1' }],
        });
        await server.part(port, 'log').flush(callContext());
        const set = await build(server, { served: 'p' });
        expect(cellsOf(set, 'user.bonus')).to.deep.equal({ logged: 1, computed: 0, missing: 0 });
        const sum = (of: 'logged' | 'computed'): number =>
          set.columns.reduce((all, { cells }) => all + (cells?.[of] ?? 0), 0);
        expect(set.cells).to.deep.include({ logged: sum('logged'), computed: sum('computed') });
        expect(set.cells.logged).to.be.above(1);
      },
      { viewed: { ...views, user: pushed } },
    );
  });

  it('may be a query of the log, with labels and weights', async () => {
    await within(async (server) => {
      await serve(server, 3);
      const query = `SELECT served.*, c.place IS NOT NULL AS clicked FROM served
        LEFT JOIN read_csv('${join(directory, 'clicks.csv')}') AS c
        ON c.request = "log.request_id" AND c.place = "log.index"`;
      const set = await build(server, {
        served: 'p',
        query,
        labels: { clicked: 'clicked', weight: 'log.weight', share: 'output.share' },
      });
      expect(set.columns.slice(-3).map(({ name, type }) => `${name} ${type}`)).to.deep.equal([
        'label.clicked bool',
        'label.weight float64',
        'label.share float64',
      ]);
      expect(written()).to.match(/,true,1\.0,/);
    });
  });

  it('is refused for a step over whole requests where the log has only some of their objects', async () => {
    const declared = {
      ...pipeline,
      record: { served: { in: 'log', objects: { top: 1 } } },
    } as PipelineDeclaration;
    await within(
      async (server) => {
        await serve(server, 6);
        expect(await failureOf(build(server, { served: 'p' }))).to.match(
          /FAILED_PRECONDITION transform "share" looks at all objects .* kept 1 of \d+ of one/,
        );
      },
      { declared },
    );
  });

  for (const [what, spine, message] of [
    ['names no pipeline', { served: 'q' }, /spine|there is no pipeline "q"/],
    ['has a table too', { served: 'p', table: 't' }, /spine\.table: .*stands instead of `served`/],
    ['has a group', { served: 'p', group: 'x' }, /spine\.group: .*is not for `served`/],
    [
      'computes without a log',
      { table: 't', time: 't', compute: true },
      /spine\.compute: .*goes with `served`/,
    ],
    ['has neither', { time: 't' }, /give either `table` or `query`/],
    ['has no time', { table: 't' }, /spine\.time/],
  ] as const)
    it(`is a mistake where the spine ${what}`, async () => {
      await within(async (server) => {
        expect(await failureOf(build(server, spine))).to.match(message);
      });
    });

  it('says that the log has no files, and which pipeline is not logged', async () => {
    await within(
      async (server) => {
        expect(await failureOf(build(server, { served: 'p' }))).to.match(/the log of "p" has no files/);
        expect(await failureOf(build(server, { served: 'silent' }))).to.match(
          /"silent" is not logged: say where, with `record/,
        );
      },
      { others: { silent: { ...pipeline, record: false } } },
    );
  });
});
