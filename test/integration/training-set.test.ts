import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  asOf,
  buildTrainingSet,
  cellAt,
  columnOf,
  defineStep,
  parseType,
  type CallContext,
  type Cell,
  type PipelineDeclaration,
  type Server,
  type SpineInput,
  type TrainingSetManifest,
  type Views,
} from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { memory } from 'vivace/adapters/memory';
import { offlineStore } from 'vivace/plugins/offline-store';
import { onlineStore } from 'vivace/plugins/online-store';
import { callContext } from 'vivace/testing';
import { castColumn } from '../../core/offline/cast-column.js';
import { RowsDigest } from '../../core/offline/digest.js';
import { adder, table } from '../support/parts.js';
import { scripted, scriptedTransform, thrownBy, withServer, type ReadRows } from '../support/scripted.js';

const prices = `item,at,known,euro,owner
a,2001-01-01 00:00:00,2001-01-01 00:00:00,1,x
a,2001-01-03 00:00:00,2001-01-05 00:00:00,3,x
a,2001-01-09 00:00:00,2001-01-09 00:00:00,9,y
b,2001-01-02 00:00:00,2001-01-02 00:00:00,,y
`;
const owners = `owner,at,age
x,2001-01-01 00:00:00,40
y,2001-01-01 00:00:00,50
`;
const orders = `item,moment,count,sold
a,2001-01-04 12:00:00,1,10
a,2001-01-06 12:00:00,2,20
b,2001-01-06 12:00:00,3,30
c,2001-01-06 12:00:00,4,40
a,2000-12-31 00:00:00,5,50
a,2001-03-01 00:00:00,6,60
`;

const views = {
  price: {
    store: 'online',
    entity: { item: 'string' },
    source: { table: 'prices.csv', eventTime: 'at', availableTime: 'known' },
    maxAgeMs: 20 * 86_400_000,
    features: { euro: { type: 'float64', default: -1 }, owner: { type: 'string' } },
  },
  owner: {
    store: 'online',
    entity: { owner: 'string' },
    source: { table: 'owners.csv', eventTime: 'at' },
    features: { age: { type: 'int32' } },
  },
} satisfies Views;

const pipeline: PipelineDeclaration = {
  request: { moment: 'timestamp', count: 'int32' },
  time: 'request.moment',
  objects: { fields: { item: 'string' } },
  steps: [
    { fetch: 'price' },
    { fetch: 'owner', key: { owner: 'price.owner' } },
    { transform: 'double', inputs: { value: 'price.euro' } },
    { predict: 'model', inputs: { x: ['double.twice'] } },
  ],
  response: { outputs: { y: 'model.sum' } },
};
const spine = { table: 'orders.csv', time: 'moment', labels: { sold: 'sold' } } satisfies SpineInput;

describe('Training sets', () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-training-'));
    for (const [name, text] of Object.entries({ prices, owners, orders }))
      writeFileSync(join(directory, `${name}.csv`), text);
    writeFileSync(join(directory, 'gaps.csv'), 'item,moment,count,sold\n,2001-01-04 12:00:00,1,1\na,,1,1\n');
    writeFileSync(
      join(directory, 'large.csv'),
      'item,moment,count,sold\na,2001-01-04 12:00:00,4294967296,1\n',
    );
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  const parts = {
    hot: { use: memory },
    lake: { use: duckdb },
    online: { use: onlineStore, store: 'hot' },
    history: { use: offlineStore, warehouse: 'lake', online: 'online' },
    model: { use: adder, width: 1 },
    double: {
      use: scriptedTransform,
      describes: { reads: { value: 'float64' }, writes: { twice: 'float64' } },
      apply: (
        input: { column(name: string): { values: ArrayLike<number> } },
        out: { column(name: string): { values: unknown } },
      ) => {
        out.column('twice').values = Float64Array.from(input.column('value').values, (value) => value * 2);
      },
    },
  };

  const within = <T>(
    use: (server: Server) => Promise<T>,
    declared: PipelineDeclaration = pipeline,
    more: object = {},
    viewed: object = views,
  ): Promise<T> => {
    const named: Record<string, PipelineDeclaration> = { p: declared };
    return withServer(
      {
        directory,
        parts: { ...parts, ...more },
        views: viewed as typeof views,
        pipelines: named,
      },
      use,
    );
  };

  async function rowsOf(
    server: Server,
    options: { spine: unknown; predict?: boolean },
  ): Promise<Record<string, Cell>[]> {
    return asOf(
      server,
      { pipeline: 'p', ...options },
      async (blocks, { plan }) => {
        const rows: Record<string, Cell>[] = [];
        for await (const { frame, labels } of blocks) {
          for (let row = 0; row < frame.requests; row++) {
            const cells = plan.columns.flatMap(({ name, place }) => {
              const column = frame.columns[place];
              return column === undefined ? [] : [[name, cellAt(column, row)] as const];
            });
            rows.push({
              ...Object.fromEntries(cells),
              ...Object.fromEntries([...labels].map(([name, column]) => [name, cellAt(column, row)])),
            });
          }
        }
        return rows;
      },
      callContext(),
    );
  }

  const build = (server: Server, options: object = {}, file = 'set.csv'): Promise<TrainingSetManifest> =>
    buildTrainingSet(server, join(directory, file), { pipeline: 'p', spine, ...options }, callContext());

  it('read every view as of the time of the request, with policies, a key from a fetch, and the same transform', async () => {
    const rows = await within((server) => rowsOf(server, { spine }));
    const seen = rows.map((row) => [
      row['request.count'],
      row['price.euro'],
      row['price.owner'],
      row['owner.age'],
      row['double.twice'],
    ]);
    expect(seen).to.deep.equal([
      [5, -1, null, null, -2], // before any price
      [1, 1, 'x', 40, 2], // the price of the 3rd is known from the 5th only
      [2, 3, 'x', 40, 6],
      [3, -1, 'y', 50, -2], // a row without a value
      [4, -1, null, null, -2], // no such item
      [6, -1, null, null, -2], // too old
    ]);
    expect(rows.map((row) => Number(row['label.sold']))).to.deep.equal([50, 10, 20, 30, 40, 60]);
  });

  it('let models predict where that is asked for', async () => {
    const rows = await within((server) => rowsOf(server, { spine, predict: true }));
    expect(rows.map((row) => row['model.sum'])).to.deep.equal([-2, 2, 6, -2, -2, -2]);
  });

  it('are written with their manifest, the same every time', async () => {
    const [first, second] = [
      await within((server) => build(server)),
      await within((server) => build(server)),
    ];
    expect(second).to.deep.equal(first);
    expect(first.rows).to.equal(6);
    expect(first.columns.map(({ name, nulls }) => [name, nulls])).to.deep.equal([
      ['time', 0],
      ['request.moment', 0],
      ['request.count', 0],
      ['object.item', 0],
      ['price.euro', 0],
      ['price.owner', 3],
      ['owner.age', 3],
      ['double.twice', 0],
      ['label.sold', 0],
    ]);
    expect(first.cells).to.deep.equal({ computed: 18, missing: 6, failed: 0 });
    expect(readFileSync(join(directory, 'set.csv'), 'utf8').split('\n')).to.have.length(8);
  });

  it('have an id that follows their definition and their data', async () => {
    const id = async (
      declared?: PipelineDeclaration,
      options: object = {},
      viewed: object = views,
      more: object = {},
    ): Promise<string> => (await within((server) => build(server, options), declared, more, viewed)).id;
    const base = await id();
    const steps = [...pipeline.steps];
    const policy = { ...pipeline, steps: steps.with(0, { fetch: 'price', onMissing: 'null' }) };
    const renamed = {
      ...pipeline,
      steps: steps.with(3, { predict: 'model', as: 'other', inputs: { x: ['double.twice'] } }),
      response: { outputs: { y: 'other.sum' } },
    };
    const aged = { ...views, price: { ...views.price, maxAgeMs: 1 } };
    const told = { ...views, price: { ...views.price, owner: 'someone', description: 'prices' } };
    expect(await id(renamed), 'a model is no part of its training set').to.equal(base);
    expect(await id(undefined, {}, told), 'nor are texts').to.equal(base);
    // The same rows, by another option.
    const labelled = (label: string): object => ({
      double: { ...parts.double, describes: { ...parts.double.describes, label } },
    });
    expect(await id(undefined, {}, views, labelled('a'))).to.equal(
      await id(undefined, {}, views, labelled('a')),
    );
    const scored = {
      ...pipeline,
      steps: [...steps, { transform: 'double', as: 'after', inputs: { value: 'model.sum' } }],
    };
    expect(await id(scored), 'nor is what comes after a model').to.equal(base);
    const others = [
      await id(undefined, {}, views, labelled('a')),
      await id(undefined, {}, views, labelled('b')),
      await id(undefined, { predict: true }),
      await id(policy),
      await id(undefined, { spine: { ...spine, to: '2001-01-06' } }),
      await id(undefined, {}, aged),
    ];
    expect(new Set([base, ...others]).size).to.equal(7);
  });

  describe('are refused', () => {
    const wrong = (
      run: (server: Server) => Promise<unknown>,
      declared?: PipelineDeclaration,
      more?: object,
    ): Promise<Error & { code?: string; path?: string }> => thrownBy(within(run, declared, more));
    const withStep = (step: object, output = 'request.count'): PipelineDeclaration => ({
      ...pipeline,
      steps: [step as never],
      response: { outputs: { y: output } },
    });

    it('where a source answers online only', async () => {
      const live = { use: scripted, features: { v: 'float64' }, offline: 'log-only' };
      const error = await wrong(
        (server) => build(server),
        withStep({ fetch: 'live', key: { id: 'object.item' } }),
        { live },
      );
      expect([error.code, error.message]).to.deep.equal([
        'FAILED_PRECONDITION',
        'the source of "live" answers online only: its history is only in the logs of served requests, which a spine reads with `served`',
      ]);
    });

    it('where a source says that it is joined but is no view: it would answer with what it holds now', async () => {
      const now = { use: scripted, features: { v: 'float64' }, offline: 'as-of' };
      const error = await wrong(
        (server) => build(server),
        withStep({ fetch: 'now', key: { id: 'object.item' } }),
        { now },
      );
      expect(error.code).to.equal('FAILED_PRECONDITION');
    });

    it('where a step refuses; one that is skipped is null', async () => {
      const step = (offline: 'refuse' | 'skip') =>
        defineStep({
          name: 'own',
          reads: { count: 'int32' },
          writes: { v: 'float64' },
          offline,
          create: () => ({ run: () => undefined }),
        });
      const error = await wrong(
        (server) => build(server),
        withStep({ step: step('refuse'), inputs: { count: 'request.count' } }),
      );
      expect(error.message).to.contain('step "own" refuses');
      const rows = await within(
        (server) => rowsOf(server, { spine }),
        withStep({ step: step('skip'), inputs: { count: 'request.count' } }),
      );
      expect(rows[0]!['own.v']).to.equal(null);
    });

    it('what its steps ask of a store is asked though the store has been failing', async () => {
      const calls: CallContext[] = [];
      const noting = defineStep({
        name: 'noting',
        reads: { count: 'int32' },
        writes: { v: 'float64' },
        offline: 'same',
        create: () => ({ run: (_input, _out, call) => void calls.push(call) }),
      });
      await within(
        (server) => rowsOf(server, { spine }),
        withStep({ step: noting, inputs: { count: 'request.count' } }),
      );
      expect(calls.map(({ bypassBreaker }) => bypassBreaker)).to.deep.equal([true]);
    });

    it('a pure source gets each key once, whenever it is asked for', async () => {
      const repeats = join(directory, 'repeats.csv');
      writeFileSync(
        repeats,
        [
          'item,moment,count,sold',
          ...['a', 'a', 'b', 'a'].map((item, i) => `${item},2001-01-0${i + 2} 00:00:00,1,1`),
        ].join('\n'),
      );
      const calls: string[][] = [];
      const pure = {
        use: scripted,
        features: { place: 'int32' },
        // It looks its keys up in a map, as a source may: with a key twice, the second would win.
        read: ((keys, out) => {
          const ids = keys.column('id').values as string[];
          calls.push([...ids]);
          const places = new Map(ids.map((id, row) => [id, row]));
          ids.forEach((id) => out.column('place').set(places.get(id)!, id.charCodeAt(0)));
        }) satisfies ReadRows,
      };
      const rows = await within(
        (server) => rowsOf(server, { spine: { ...spine, table: 'repeats.csv' } }),
        withStep({ fetch: 'pure', key: { id: 'object.item' } }),
        { pure },
      );
      expect(calls).to.deep.equal([['a', 'b']]);
      expect(rows.map((row) => row['pure.place'])).to.deep.equal([97, 97, 98, 97]);
    });

    it('where a row of the spine lacks a value that a request must have', async () => {
      const gaps = { ...spine, table: 'gaps.csv' };
      const plain = withStep({ fetch: 'pure', key: { id: 'object.item' } });
      const pure = { use: table, rows: { a: [1] } };
      expect((await wrong((server) => rowsOf(server, { spine: gaps }), plain, { pure })).path).to.equal(
        'spine.object.item',
      );
      const optional = {
        ...plain,
        objects: { fields: { item: { type: 'string', optional: true } } },
      } as const;
      const rows = await within((server) => rowsOf(server, { spine: gaps }), optional, { pure });
      expect(rows.map((row) => row['object.item'])).to.deep.equal([null]);
    });

    it('where a number of the spine does not fit its field', async () => {
      const error = await wrong((server) => build(server, { spine: { ...spine, table: 'large.csv' } }));
      expect([error.code, error.path]).to.deep.equal(['INVALID_CONFIG', 'spine.request.count']);
      expect(error.message).to.contain('4294967296');
    });

    it('where the spine does not fit the pipeline, with every mistake', async () => {
      const error = await wrong((server) =>
        build(server, {
          spine: {
            table: 'orders.csv',
            query: 'x',
            time: 'moment',
            objects: { itme: 'item' },
            from: '2001-02-30',
            lables: {},
          },
        }),
      );
      expect(error.code).to.equal('INVALID_CONFIG');
      expect(error.message)
        .to.contain('spine.from: "2001-02-30" is not a time: there is no such day')
        .and.to.contain('did you mean "labels"?');
    });

    it('where the spine ends before it begins', async () => {
      const spine = { table: 'orders.csv', time: 'moment', from: '2001-02-03', to: '2001-02-03' };
      expect((await wrong((server) => build(server, { spine }))).message).to.match(
        /spine\.to: .*is not after `from`, so there would be no rows/,
      );
    });

    it('where there is no such pipeline or store', async () => {
      expect((await wrong((server) => build(server, { pipeline: 'q' }))).code).to.equal('NOT_FOUND');
      expect((await wrong((server) => build(server, { store: 'histroy' }))).message).to.contain(
        'did you mean "history"?',
      );
    });
  });
});

describe('castColumn', () => {
  const cast = (from: string, to: string, cells: readonly Cell[]): Cell[] => {
    const column = castColumn(columnOf(parseType(from), cells), parseType(to), 'x');
    return Array.from({ length: column.rows }, (_, row) => cellAt(column, row));
  };

  it('takes numbers into types that hold them, and nulls', () => {
    expect(cast('int64', 'int32', [5n, null])).to.deep.equal([5, null]);
    expect(cast('int64', 'float64', [9007199254740992n])).to.deep.equal([9007199254740992]);
    expect(cast('float64', 'int64', [-3])).to.deep.equal([-3n]);
    expect(cast('float64', 'float32', [0.1, NaN, Infinity])).to.deep.equal([Math.fround(0.1), NaN, Infinity]);
  });

  for (const [from, to, cell] of [
    ['int64', 'int32', 2147483648n],
    ['int64', 'float64', 9007199254740993n],
    ['float64', 'int32', 0.5],
    ['float64', 'int32', NaN],
    ['float64', 'int64', 0.5],
    ['float64', 'int64', 1e300],
    ['float64', 'int64', 2 ** 63],
    ['float64', 'float32', 1e300],
    ['string', 'int32', '5'],
    ['int32', 'string', 5],
    ['int32', 'timestamp', 5],
    ['bool', 'int32', true],
    ['float32[2]', 'float32', [1, 2]],
  ] as const) {
    it(`refuses ${String(cell)} of ${from} for ${to}`, () => {
      expect(() => cast(from, to, [cell]))
        .to.throw('spine: ')
        .with.property('path', 'spine.x');
    });
  }
});

describe('RowsDigest', () => {
  const columns: Record<string, readonly Cell[]> = {
    float64: [1, null, NaN, -0, 5],
    string: ['a', 'bc', '', null, 'd'],
    bool: [true, false, null, true, false],
    'float32[2]': [[1, 2], null, [3, 4], [5, 6], [7, 8]],
    'list<int64>': [[1n, 2n], [], [3n], null, [4n, 5n, 6n]],
    'list<string>': [['a', 'b'], ['ab'], [], [''], null],
  };
  const fields = Object.keys(columns).map((type, i) => ({ name: `c${i}`, type: parseType(type) }));
  function digest(
    cuts: readonly number[],
    change: (type: string, cells: readonly Cell[]) => readonly Cell[] = (_, cells) => cells,
  ): string {
    const rows = new RowsDigest(fields);
    [0, ...cuts].forEach((from, i) => {
      rows.add(
        fields.map(({ type }) => columnOf(type, change(type.name, columns[type.name]!).slice(from, cuts[i]))),
      );
    });
    return rows.finish();
  }

  it('does not depend on how rows are cut into blocks', () => {
    const whole = digest([]);
    for (const cuts of [[1], [2, 3], [1, 2, 3, 4], [0, 5]])
      expect(digest(cuts), String(cuts)).to.equal(whole);
  });

  it('changes with every cell, and with where a text or a list ends', () => {
    const whole = digest([]);
    const seen = new Set([whole]);
    for (const type of Object.keys(columns)) {
      for (let row = 0; row < 5; row++) {
        const other = row === 0 ? columns[type]![4]! : columns[type]![row - 1]!;
        seen.add(digest([], (name, cells) => (name === type ? cells.with(row, other) : cells)));
      }
    }
    expect(seen.size).to.equal(1 + 5 * Object.keys(columns).length);
    expect(
      digest([], (name, cells) => (name === 'string' ? ['ab', 'c', '', null, 'd'] : cells)),
    ).not.to.equal(whole);
    expect(
      digest([], (name, cells) => (name === 'list<int64>' ? [[1n], [2n], [3n], null, [4n, 5n, 6n]] : cells)),
    ).not.to.equal(whole);
  });
});
