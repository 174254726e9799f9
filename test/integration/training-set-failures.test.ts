import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  asOf,
  buildTrainingSet,
  cellAt,
  VivaceError,
  type Cell,
  type PipelineDeclaration,
  type Server,
  type Views,
} from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { memory } from 'vivace/adapters/memory';
import { offlineStore } from 'vivace/plugins/offline-store';
import { onlineStore } from 'vivace/plugins/online-store';
import { callContext } from 'vivace/testing';
import { ordersFolder, spine } from '../support/orders-folder.js';
import { scripted, thrownBy, withServer, type ReadRows } from '../support/scripted.js';

const policies = ['default', 'null', 'skip', 'fail'] as const;

const prices = `item,at,euro,words
a,2001-01-01 00:00:00,1,one
b,2001-01-01 00:00:00,2,two
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

describe('A read that fails in a training set', () => {
  const directory = ordersFolder({ 'prices.csv': prices });

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
    return withServer({ directory: directory(), parts: { ...parts, ...more }, views, pipelines }, use);
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
        join(directory(), 'set.csv'),
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
        expect(readFileSync(join(directory(), 'set.csv'), 'utf8').trim().split('\n')).to.deep.equal([
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
            join(directory(), 'set.csv'),
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
