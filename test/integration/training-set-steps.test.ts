import { expect } from 'chai';
import {
  asOf,
  buildTrainingSet,
  cache,
  cellAt,
  defineStep,
  optional,
  type Cell,
  type PipelineDeclaration,
  type Signature,
} from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { memory } from 'vivace/adapters/memory';
import { cache as cachePlugin } from 'vivace/plugins/cache';
import { offlineStore } from 'vivace/plugins/offline-store';
import { callContext } from 'vivace/testing';
import { ordersFolder, spine } from '../support/orders-folder.js';
import { scriptedModel, scriptedTransform, thrownBy, withServer } from '../support/scripted.js';

describe('A step that requires a cache, in a training set', () => {
  const directory = ordersFolder();

  it('gets one that keeps nothing', async () => {
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
      directory: directory(),
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
    const set = await withServer(specification, (server) =>
      buildTrainingSet(server, 'set.csv', { pipeline: 'p', spine }, callContext()),
    );
    expect([set.rows, set.cells.computed, hits]).to.deep.equal([3, 3, [0, 0]]);
  });
});

describe('What looks at all objects of a request together', () => {
  const directory = ordersFolder();

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
    const query = `SELECT item, moment, 1.5::DOUBLE AS x, 2.5::DOUBLE AS y FROM read_csv('${directory()}/orders.csv')`;
    return withServer({ directory: directory(), parts, pipelines }, (server) =>
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
