import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  asOf,
  buildTrainingSet,
  cache,
  cellAt,
  defineStep,
  optional,
  VivaceError,
  type Cell,
  type PipelineDeclaration,
  type Server,
  type Signature,
  type Views,
} from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { memory } from 'vivace/adapters/memory';
import { cache as cachePlugin } from 'vivace/plugins/cache';
import { offlineStore } from 'vivace/plugins/offline-store';
import { onlineStore } from 'vivace/plugins/online-store';
import { callContext } from 'vivace/testing';
import {
  scripted,
  scriptedModel,
  scriptedTransform,
  thrownBy,
  withServer,
  type ReadRows,
} from '../support/scripted.js';

const policies = ['default', 'null', 'skip', 'fail'] as const;

const prices = `item,at,euro,words
a,2001-01-01 00:00:00,1,one
b,2001-01-01 00:00:00,2,two
`;
const orders = `item,moment
a,2001-01-02 00:00:00
b,2001-01-03 00:00:00
c,2001-01-04 00:00:00
`;

const views = {
  price: {
    store: 'online',
    entity: { item: 'string' },
    source: { table: 'prices.csv', eventTime: 'at' },
    features: { euro: { type: 'float64', default: -1 } },
  },
  broken: {
    store: 'online',
    entity: { item: 'string' },
    source: { table: 'prices.csv', eventTime: 'at' },
    features: { number: { type: 'float64', of: 'words', default: -1 } },
  },
  torn: {
    store: 'online',
    entity: { item: 'string' },
    source: {
      query:
        "SELECT item, TIMESTAMP '2001-01-01' AS at, [1.5, NULL] AS pair FROM (VALUES ('a'), ('b')) AS v(item)",
      eventTime: 'at',
    },
    features: { pair: { type: 'float32[2]' } },
  },
} satisfies Views;

const spine = { table: 'orders.csv', time: 'moment' };

describe('A read that fails in a training set', () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-failures-'));
    writeFileSync(join(directory, 'prices.csv'), prices);
    writeFileSync(join(directory, 'orders.csv'), orders);
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  const pipelineOf = (
    steps: PipelineDeclaration['steps'],
    outputs: Record<string, string> = { at: 'time' },
  ): PipelineDeclaration => ({
    request: { moment: 'timestamp' },
    time: 'request.moment',
    objects: { fields: { item: 'string' } },
    steps,
    response: { outputs },
  });

  const within = <T>(
    steps: PipelineDeclaration['steps'],
    use: (server: Server) => Promise<T>,
    more: object = {},
  ): Promise<T> => {
    const pipelines: Record<string, PipelineDeclaration> = { p: pipelineOf(steps) };
    const parts = {
      hot: { use: memory },
      lake: { use: duckdb },
      online: { use: onlineStore, store: 'hot' },
      history: { use: offlineStore, warehouse: 'lake', online: 'online' },
    };
    return withServer({ directory, parts: { ...parts, ...more }, views, pipelines }, use);
  };

  /** The values of one column. */
  const valuesOf =
    (name: string, options: object = {}) =>
    (server: Server): Promise<Cell[]> =>
      asOf(
        server,
        { pipeline: 'p', spine, ...options },
        async (blocks, { plan }) => {
          const cells: Cell[] = [];
          for await (const { frame } of blocks) {
            const column = frame.column(plan.columns.find((known) => known.name === name)!.place);
            for (let row = 0; row < column.rows; row++) cells.push(cellAt(column, row));
          }
          return cells;
        },
        callContext(),
      );

  const build =
    (options: object = {}) =>
    (server: Server) =>
      buildTrainingSet(
        server,
        join(directory, 'set.csv'),
        { pipeline: 'p', spine, ...options },
        callContext(),
      );

  /** Fails for `b`, by row or as a whole. */
  const failing = (whole: boolean): object => ({
    use: scripted,
    features: { v: { type: 'float64', default: -1 } },
    read: ((keys, out) => {
      if (whole) throw new VivaceError('UNAVAILABLE', 'away');
      (keys.column('id').values as string[]).forEach((id, row) => {
        if (id === 'b') out.setFailed(row, new VivaceError('DATA_LOSS', 'torn'));
        else out.column('v').set(row, 7);
      });
    }) satisfies ReadRows,
  });
  const fetchSource = (more: object = {}) =>
    ({ fetch: 'source', key: { id: 'object.item' }, ...more }) as const;

  for (const onFailure of policies) {
    it(`ends the run with the error of the source, whatever \`onFailure\` says: ${onFailure}`, async () => {
      const steps = [fetchSource({ onFailure })];
      const error = await thrownBy(within(steps, build(), { source: failing(true) }));
      expect(error.code).to.equal('UNAVAILABLE');
      expect(error.message).to.contain('away');
      const torn = await thrownBy(within(steps, build(), { source: failing(false) }));
      expect([torn.code, torn.path]).to.deep.equal(['DATA_LOSS', 'steps[0]']);
    });
  }

  it('ends the run with the error of the view, where one of its cells has a value that does not fit', async () => {
    const error = await thrownBy(within([{ fetch: 'broken' }], build()));
    expect(error.code).to.equal('INVALID_CONFIG');
    expect(error.message).to.contain('views.broken.').and.contain('"one"');
  });

  it('ends the run with the mistake of the view, where one of its vectors has a null inside', async () => {
    const error = await thrownBy(within([{ fetch: 'torn' }], build()));
    expect(error.message).to.match(/^views\.torn\.features\.pair: .* (?:has|have) a null inside$/);
  });

  it('is no matter of time: budgets do not apply', async () => {
    const source = {
      use: scripted,
      features: { v: { type: 'float64', default: -1 } },
      read: (async (keys, out) => {
        await new Promise((resolve) => setTimeout(resolve, 30));
        for (let row = 0; row < keys.rows; row++) out.column('v').set(row, 7);
      }) satisfies ReadRows,
    };
    const values = await within([fetchSource({ budgetMs: 1 })], valuesOf('source.v'), { source });
    expect(values).to.deep.equal([7, 7, 7]);
    expect(await within([{ fetch: 'price', budgetMs: 1 }], valuesOf('price.euro'))).to.deep.equal([1, 2, -1]);
  });

  it('does not change the id by what is declared for it', async () => {
    const ids: string[] = [];
    for (const onFailure of policies)
      ids.push((await within([{ fetch: 'price', onFailure, budgetMs: 50 }], build())).id);
    expect(new Set(ids).size).to.equal(1);
  });

  describe('where failed reads are allowed', () => {
    const allowFailed = true;

    for (const onFailure of policies) {
      it(`is null, counted and marked, whatever \`onFailure\` says: ${onFailure}`, async () => {
        const manifest = await within(
          [fetchSource({ onFailure }), { fetch: 'price' }],
          build({ allowFailed }),
          { source: failing(false) },
        );
        expect(manifest.cells).to.deep.equal({ computed: 5, missing: 0, failed: 1 });
        expect(readFileSync(join(directory, 'set.csv'), 'utf8').trim().split('\n')).to.deep.equal([
          'time,request.moment,object.item,source.v,price.euro,failed.source,failed.price',
          '2001-01-02 00:00:00,2001-01-02 00:00:00,a,7.0,1.0,false,false',
          '2001-01-03 00:00:00,2001-01-03 00:00:00,b,,2.0,true,false',
          '2001-01-04 00:00:00,2001-01-04 00:00:00,c,7.0,-1.0,false,false',
        ]);
      });
    }

    it('is marked in each row of a view that cannot be prepared; the other views are read', async () => {
      const seen: unknown[] = [];
      const manifest = await within(
        [{ fetch: 'broken' }, { fetch: 'price' }],
        build({ allowFailed, onProgress: ({ failed }: { failed?: object }) => seen.push(failed) }),
      );
      expect(manifest.cells).to.deep.equal({ computed: 3, missing: 0, failed: 3 });
      expect(seen.at(-1)).to.deep.equal({ broken: 3, price: 0 });
    });

    it('still ends with the error of its caller', async () => {
      const aborted = AbortSignal.abort(new VivaceError('CANCELLED', 'the caller left'));
      const error = await thrownBy(
        within([{ fetch: 'price' }], (server) =>
          buildTrainingSet(
            server,
            join(directory, 'set.csv'),
            { pipeline: 'p', spine, allowFailed },
            { signal: aborted },
          ),
        ),
      );
      expect(error.code).to.equal('CANCELLED');
    });

    it('counts nothing where every read succeeds', async () => {
      const manifest = await within([{ fetch: 'price' }], build({ allowFailed }));
      expect(manifest.cells).to.deep.equal({ computed: 3, missing: 0, failed: 0 });
    });
  });
});

describe('A step that requires a cache, in a training set', () => {
  it('gets one that keeps nothing', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vivace-required-cache-'));
    writeFileSync(join(directory, 'orders.csv'), orders);
    const hits: number[] = [];
    const remembering = defineStep({
      name: 'remembering',
      reads: { item: 'string' },
      writes: { length: 'int32' },
      uses: { near: cache, far: optional(cache) },
      offline: 'same',
      create: (_, { near, far }) => ({
        async run(input, out, { signal, deadline }) {
          expect(far).to.equal(undefined);
          const items = input.column('item').values;
          for (let time = 0; time < 2; time++) {
            const { values, hits: found } = await near.through(
              items,
              (missing) => missing.map((index) => Uint8Array.of(items[index]!.length)),
              { ttlMs: 60_000 },
              { signal, deadline },
            );
            hits.push(found);
            values.forEach((value, row) => out.column('length').set(row, value![0]!));
          }
        },
      }),
    });
    const specification = {
      directory,
      parts: {
        hot: { use: memory },
        kept: { use: cachePlugin, store: 'hot' },
        lake: { use: duckdb },
        history: { use: offlineStore, warehouse: 'lake' },
      },
      pipelines: {
        p: {
          request: { moment: 'timestamp' as const },
          time: 'request.moment',
          objects: { fields: { item: 'string' as const } },
          steps: [
            { step: remembering, as: 'own', inputs: { item: 'object.item' }, near: 'kept', far: 'kept' },
          ],
          response: { outputs: { length: 'own.length' } },
        },
      },
    };
    try {
      const set = await withServer(specification, (server) =>
        buildTrainingSet(server, 'set.csv', { pipeline: 'p', spine }, callContext()),
      );
      expect([set.rows, set.cells.computed, hits]).to.deep.equal([3, 3, [0, 0]]);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

describe('What a caller of a training set throws', () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-callers-'));
    writeFileSync(join(directory, 'orders.csv'), orders);
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  const within = (use: (server: Server) => Promise<unknown>): Promise<unknown> => {
    const pipelines: Record<string, PipelineDeclaration> = {
      p: {
        request: { moment: 'timestamp' },
        time: 'request.moment',
        steps: [],
        response: { outputs: { t: 'time' } },
      },
    };
    const parts = { lake: { use: duckdb }, history: { use: offlineStore, warehouse: 'lake' } };
    return withServer({ directory, parts, pipelines }, use);
  };
  const own = new VivaceError('INVALID_ARGUMENT', 'the third row has no label');
  const throwing = (): never => {
    throw own;
  };
  const run = { pipeline: 'p', spine };
  const file = (): string => join(directory, 'set.parquet');

  for (const [where, work] of [
    [
      'while it takes blocks',
      (server: Server) =>
        asOf(
          server,
          run,
          async (blocks) => {
            for await (const _ of blocks) throwing();
          },
          callContext(),
        ),
    ],
    [
      'in rows that it saves to a file',
      (server: Server) =>
        asOf(
          server,
          run,
          async (blocks, { fields, store }) => {
            async function* batches(): AsyncGenerator<never> {
              for await (const _ of blocks) yield throwing();
            }
            await store.save({ fields, batches: batches() }, file(), callContext());
          },
          callContext(),
        ),
    ],
    [
      'in its report of progress, while rows are joined',
      (server: Server) =>
        buildTrainingSet(
          server,
          file(),
          { ...run, onProgress: ({ phase, rows }) => void (phase === 'joining' && rows > 0 && throwing()) },
          callContext(),
        ),
    ],
  ] as const) {
    it(`comes back as it is: ${where}`, async () => {
      expect(await thrownBy(within(work))).to.equal(own);
    });
  }
});

describe('What looks at all objects of a request together', () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-over-request-'));
    writeFileSync(join(directory, 'orders.csv'), orders);
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  const signature: Signature = {
    inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, 1], columns: ['object.x'] }],
    outputs: [{ name: 'share', datatype: 'FP64', shape: [-1] }],
    over: 'request',
  };
  const counting = {
    use: scriptedTransform,
    describes: { reads: { x: 'float64' }, writes: { n: 'float64' }, over: 'request' },
    apply: (
      input: { offsets: Uint32Array },
      out: { column(name: string): { set(row: number, v: number): void } },
    ) => {
      for (let request = 0; request + 1 < input.offsets.length; request++) {
        const [from, to] = [input.offsets[request]!, input.offsets[request + 1]!];
        for (let row = from; row < to; row++) out.column('n').set(row, to - from);
      }
    },
  };
  const parts = {
    lake: { use: duckdb },
    history: { use: offlineStore, warehouse: 'lake' },
    counts: counting,
    m: {
      use: scriptedModel,
      signature,
      predict: ([x]: readonly { data: Float64Array }[]) => [
        { name: 'share', datatype: 'FP64', shape: [x!.data.length], data: x!.data },
      ],
    },
  };
  const stepOver = (offline: 'same' | 'skip') =>
    defineStep({
      name: 'own',
      reads: { x: 'float64' },
      writes: { n: 'float64' },
      over: 'request',
      offline,
      create: () => ({ run: () => undefined }),
    });

  const run = (
    declared: Pick<PipelineDeclaration, 'steps'> & Partial<PipelineDeclaration>,
    options: object = {},
  ): Promise<Record<string, Cell>[]> => {
    const pipelines: Record<string, PipelineDeclaration> = {
      p: {
        request: { moment: 'timestamp', y: 'float64' },
        time: 'request.moment',
        objects: { fields: { item: 'string', x: 'float64' } },
        response: { outputs: { t: 'time' } },
        ...declared,
      },
    };
    const query = `SELECT item, moment, 1.5::DOUBLE AS x, 2.5::DOUBLE AS y FROM read_csv('${directory}/orders.csv')`;
    return withServer({ directory, parts, pipelines }, (server) =>
      asOf(
        server,
        { pipeline: 'p', spine: { query, time: 'moment' }, ...options },
        async (blocks, { plan }) => {
          const rows: Record<string, Cell>[] = [];
          for await (const { frame } of blocks) {
            for (let row = 0; row < frame.requests; row++) {
              const known = plan.columns.filter(({ place }) => frame.columns[place] !== undefined);
              rows.push(
                Object.fromEntries(known.map(({ name, place }) => [name, cellAt(frame.column(place), row)])),
              );
            }
          }
          return rows;
        },
        callContext(),
      ),
    );
  };

  for (const [what, step, named, advice] of [
    [
      'a transform',
      { transform: 'counts' },
      'transform "counts"',
      'build it from a pipeline without this step',
    ],
    [
      'a step',
      { step: stepOver('same'), as: 'mine' },
      'step "mine"',
      'build it from a pipeline without this step',
    ],
    ['a model', { predict: 'm' }, 'predict "m"', 'do not let its models predict'],
  ] as const) {
    it(`is refused in a training set, with its place and what to do: ${what}`, async () => {
      const error = await thrownBy(run({ steps: [step] }, { predict: true }));
      expect([error.code, error.path]).to.deep.equal(['FAILED_PRECONDITION', 'pipelines.p.steps[0]']);
      expect(error.message)
        .to.match(/^pipelines\.p\.steps\[0\]: /)
        .and.contain(named)
        .and.contain(advice);
    });
  }

  it('does not matter where it does not run: a model that does not predict, a step that is skipped', async () => {
    const rows = await run({ steps: [{ predict: 'm' }, { step: stepOver('skip') }] });
    expect(rows[0]).to.include({ 'own.n': null }).and.not.have.property('m.share');
  });

  it('may look at columns of the request, which are one row for each request everywhere', async () => {
    const steps = [{ transform: 'counts', inputs: { x: 'request.y' } }] as const;
    expect((await run({ steps }))[0]).to.include({ 'counts.n': 1 });
  });
});
