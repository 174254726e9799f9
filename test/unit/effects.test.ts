import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  asOf,
  cellAt,
  createServer,
  describePlan,
  type PartDeclaration,
  type PipelineDeclaration,
  type Signature,
  type Transform,
} from 'vivace';
import {
  scripted,
  scriptedModel,
  scriptedTransform,
  withServer,
  type PredictTensors,
  type ReadRows,
} from '../support/scripted.js';

const signature: Signature = {
  inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, 1] }],
  outputs: [{ name: 'share', datatype: 'FP64', shape: [-1] }],
  over: 'request',
};

/** Answers each object's part of the sum over its request. */
const share: PredictTensors = ([input], { offsets = new Uint32Array() }) => {
  const x = input!.data as Float64Array;
  const data = new Float64Array(x.length);
  for (let request = 0; request + 1 < offsets.length; request++) {
    const [from, to] = [offsets[request]!, offsets[request + 1]!];
    const sum = x.subarray(from, to).reduce((total, value) => total + value, 0);
    for (let row = from; row < to; row++) data[row] = x[row]! / sum;
  }
  return [{ name: 'share', datatype: 'FP64', shape: [x.length], data }];
};

/** Holds every object but `gone`. */
const stocked: ReadRows = (keys, out) => {
  (keys.column('id').values as string[]).forEach((id, row) => {
    if (id === 'gone') out.setMissing(row);
    else out.column('left').set(row, 1);
  });
};
const afterAWhile: ReadRows = async (keys, out, context) => {
  await new Promise((resolve) => setTimeout(resolve, 10));
  await stocked(keys, out, context);
};

/** Numbers the rows of each request, from 1. */
const numbered: Transform['apply'] = ({ rows, offsets }, out) => {
  for (let row = 0; row < rows; row++) {
    const first = offsets.findLast((offset) => offset <= row)!;
    out.column('number').set(row, row - first + 1);
  }
};

const parts = (stock: ReadRows, late: ReadRows = stocked): Readonly<Record<string, PartDeclaration>> => ({
  stock: { use: scripted, features: { left: 'int32' }, read: stock },
  late: { use: scripted, features: { left: 'int32' }, read: late },
  m: { use: scriptedModel, signature, predict: share },
  ranks: {
    use: scriptedTransform,
    describes: { reads: { x: 'float64' }, writes: { number: 'int32' }, over: 'request' },
    apply: numbered,
  },
});

const objects = [
  { id: 'a', x: 1 },
  { id: 'gone', x: 8 },
  { id: 'b', x: 1 },
];

const shares = (
  steps: PipelineDeclaration['steps'],
  outputs: Record<string, string>,
): PipelineDeclaration => ({
  objects: { fields: { id: 'string', x: 'float64' } },
  steps,
  response: { outputs },
});

const fetchStock = { fetch: 'stock', onMissing: 'skip' } as const;
const predict = { predict: 'm', inputs: { x: ['x'] } } as const;

describe('Objects that a fetch leaves out', () => {
  for (const [when, stock] of [
    ['at once', stocked],
    ['after 10 ms', afterAWhile],
  ] as const) {
    it(`are not seen by a model over requests, where the source answers ${when}`, async () => {
      const p = shares([fetchStock, predict], { share: 'm.share' });
      await withServer({ parts: parts(stock), pipelines: { p } }, async (server) => {
        const answer = await server.predict('p', { objects });
        expect(answer.objects).to.deep.equal([
          { index: 0, id: 'a', x: 1, share: 0.5 },
          { index: 2, id: 'b', x: 1, share: 0.5 },
        ]);
      });
    });

    it(`are not seen by a transform over requests, where the source answers ${when}`, async () => {
      const p = shares([fetchStock, { transform: 'ranks' }], { number: 'ranks.number' });
      await withServer({ parts: parts(stock), pipelines: { p } }, async (server) => {
        const answer = await server.predict('p', { objects });
        expect(answer.objects.map((object) => object['number'])).to.deep.equal([1, 2]);
      });
    });
  }

  it('are still seen by what stands before the fetch in the file, whichever is faster', async () => {
    const p = shares([predict, { fetch: 'late', onMissing: 'skip' }], { share: 'm.share' });
    const slow: PredictTensors = async (inputs, context) => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return share(inputs, context);
    };
    const m = { use: scriptedModel, signature, predict: slow };
    await withServer({ parts: { ...parts(stocked), m }, pipelines: { p } }, async (server) => {
      const answer = await server.predict('p', { objects });
      expect(answer.objects.map((object) => object['share'])).to.deep.equal([0.1, 0.1]);
    });
  });

  it('make who heeds them come after the fetch, and let fetches run side by side', async () => {
    const p = shares(
      [
        fetchStock,
        { fetch: 'late', onMissing: 'skip' },
        { fetch: 'chained', key: { left: 'late.left' } },
        predict,
        { transform: 'ranks' },
      ],
      { share: 'm.share' },
    );
    const chained = { use: scripted, keys: { left: 'int32' }, features: { next: 'int32' } } as const;
    const server = await createServer({ parts: { ...parts(stocked), chained }, pipelines: { p } });
    await server.start();
    const { nodes } = describePlan(server.plans.get('p')!) as { nodes: { alias: string; after: string[] }[] };
    expect(Object.fromEntries(nodes.map(({ alias, after }) => [alias, after]))).to.deep.equal({
      stock: [],
      late: [],
      // What it reads was written under the mask of `late` alone.
      chained: ['late'],
      m: ['stock', 'late'],
      ranks: ['stock', 'late'],
    });
    await server.stop();
  });

  it('are null in a training set, and not seen by the model there', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vivace-effects-'));
    try {
      writeFileSync(join(directory, 'stock.csv'), 'id,left\na,1\nb,1\n');
      writeFileSync(
        join(directory, 'requests.csv'),
        'at,id,x\n2001-01-01 00:00:00,a,1\n2001-01-02 00:00:00,gone,8\n2001-01-03 00:00:00,b,1\n',
      );
      const seen: number[] = [];
      const counted: PredictTensors = ([input], context) => {
        seen.push(context.rows);
        return [{ name: 'share', datatype: 'FP64', shape: [context.rows], data: input!.data }];
      };
      const server = await createServer({
        directory,
        parts: {
          hot: { use: 'memory' },
          online: { use: 'online-store', store: 'hot' },
          lake: { use: 'duckdb' },
          history: { use: 'offline-store', warehouse: 'lake', online: 'online' },
          m: { use: scriptedModel, signature: { ...signature, over: 'row' }, predict: counted },
        },
        views: {
          stock: {
            store: 'online',
            entity: { id: 'string' },
            source: { table: 'stock.csv' },
            features: { left: { type: 'int32' } },
          },
        },
        pipelines: {
          p: shares([predict, fetchStock, { ...predict, as: 'after' }], { share: 'after.share' }),
        },
      });
      await server.startOnly(['history', 'm']);
      const spine = { table: 'requests.csv', time: 'at' };
      const rows: unknown[] = [];
      await asOf(
        server,
        { pipeline: 'p', spine, predict: true },
        async (blocks, { plan }) => {
          const column = (name: string): number => plan.columns.find((each) => each.name === name)!.place;
          for await (const { frame } of blocks)
            for (let row = 0; row < frame.objects; row++)
              rows.push([
                cellAt(frame.column(column('m.share')), row),
                cellAt(frame.column(column('after.share')), row),
              ]);
        },
        { signal: AbortSignal.timeout(60_000) },
      );
      await server.stop();
      expect(rows).to.deep.equal([
        [1, 1],
        [8, null],
        [1, 1],
      ]);
      expect(seen).to.have.members([3, 2]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  const codes: PredictTensors = ([input]) => {
    const data = Array.from(input!.data as Float64Array, (x) => `k${x}`);
    return [{ name: 'code', datatype: 'BYTES', shape: [data.length], data }];
  };
  const coded: Signature = {
    ...signature,
    outputs: [{ name: 'code', datatype: 'BYTES', shape: [-1] }],
    over: 'row',
  };
  for (const key of ['m.code', 'first.next']) {
    it(`are not read by a fetch keyed by ${key}, so that its policies do not act on them`, async () => {
      const read: string[] = [];
      const next: ReadRows = (keys, out) => {
        (keys.column('id').values as string[]).forEach((id, row) => {
          read.push(id);
          if (!id.startsWith('k')) return out.setMissing(row);
          out.column('name').set(row, `name of ${id}`);
        });
      };
      const first: ReadRows = (keys, out) => {
        (keys.column('id').values as string[]).forEach((id, row) => {
          if (id === 'gone') out.setMissing(row);
          else out.column('next').set(row, `k${id}`);
        });
      };
      const pipelines = {
        p: {
          objects: { fields: { id: 'string', x: 'float64' } },
          steps: [
            { fetch: 'first', key: { id: 'object.id' }, onMissing: 'skip' },
            { predict: 'm', inputs: { x: ['object.x'] } },
            { fetch: 'names', key: { id: key }, onMissing: 'fail' },
          ],
          response: { outputs: { name: 'names.name' } },
        },
      } as const;
      const specification = {
        parts: {
          first: { use: scripted, features: { next: 'string' }, read: first },
          m: { use: scriptedModel, signature: coded, predict: codes },
          names: { use: scripted, features: { name: 'string' }, read: next },
        },
        pipelines,
      };
      const prefix = key === 'm.code' ? ['k1', 'k1'] : ['ka', 'kb'];
      await withServer(specification, async (server) => {
        const answer = await server.predict('p', { objects, explain: true });
        expect(answer.objects.map(({ index, name }) => [index, name])).to.deep.equal([
          [0, `name of ${prefix[0]}`],
          [2, `name of ${prefix[1]}`],
        ]);
        expect(answer.degraded).to.deep.equal([{ step: 'first', status: 'MISSING', rows: 1 }]);
        const explained = answer.explain as { objects: { names: object }[] };
        expect(explained.objects[1]!.names).to.deep.equal({
          status: 'SKIPPED',
          features: { name: { value: null, status: 'SKIPPED' } },
        });
        expect((await server.predict('p', { objects: [objects[1]!] })).objects).to.deep.equal([]);
      });
      expect(read).to.deep.equal([...new Set(prefix)]);
    });
  }
});
