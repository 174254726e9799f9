import { expect } from 'chai';
import {
  VivaceError,
  type CellOf,
  type FeatureSpec,
  type PipelineDeclaration,
  type Signature,
  type Tensor,
  type TensorData,
} from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { cache } from 'vivace/plugins/cache';
import {
  scripted,
  scriptedModel,
  thrownBy,
  withServer,
  type PredictTensors,
  type ReadRows,
} from '../support/scripted.js';

const one: Signature['outputs'] = [{ name: 'y', datatype: 'FP64', shape: [-1] }];
const ones: PredictTensors = (_, { rows }) => [
  { name: 'y', datatype: 'FP64', shape: [rows], data: new Float64Array(rows).fill(1) },
];

interface Setup {
  readonly inputs: Signature['inputs'];
  readonly outputs?: Signature['outputs'];
  readonly over?: 'row' | 'request';
  readonly predict?: PredictTensors;
  readonly declaration?: Partial<PipelineDeclaration>;
  readonly predictStep?: object;
  readonly features?: Record<string, string | FeatureSpec>;
  /** Cells per feature, by the number that an object's `id` is. */
  readonly cells?: Record<string, readonly CellOf[]>;
  readonly onMissing?: 'skip' | 'default';
}

/** Runs a model over objects whose ids are 0, 1, 2 …; the features are those of the ids, and an id beyond them is MISSING. */
async function run(setup: Setup, ids: readonly number[], request: Record<string, unknown> = {}) {
  const { features = {}, cells = {} } = setup;
  const seen: { inputs: readonly Tensor[]; rows: number; offsets: number[] | undefined }[] = [];
  const read: ReadRows = (keys, out) => {
    (keys.column('id').values as Int32Array).forEach((id, row) => {
      const all = Object.entries(cells);
      if (all.length > 0 && id >= all[0]![1].length) return out.setMissing(row);
      for (const [name, column] of all) out.column(name).set(row, column[id] ?? null);
    });
  };
  const answer = await withServer(
    {
      parts: {
        ram: { use: memory },
        recent: { use: cache, store: 'ram' },
        f: {
          use: scripted,
          keys: { id: 'int32' },
          features: Object.keys(features).length > 0 ? features : { unused: 'bool' },
          read,
        },
        model: {
          use: scriptedModel,
          signature: { inputs: setup.inputs, outputs: setup.outputs ?? one, over: setup.over ?? 'row' },
          predict: ((inputs, context) => {
            seen.push({
              inputs,
              rows: context.rows,
              offsets: context.offsets === undefined ? undefined : [...context.offsets],
            });
            return (setup.predict ?? ones)(inputs, context);
          }) satisfies PredictTensors,
        },
      },
      pipelines: {
        p: {
          objects: { fields: { id: 'int32' } },
          steps: [
            { fetch: 'f', onMissing: setup.onMissing ?? 'default' },
            { predict: 'model', ...setup.predictStep },
          ],
          response: {
            outputs: Object.fromEntries((setup.outputs ?? one).map(({ name }) => [name, `model.${name}`])),
          },
          ...setup.declaration,
        },
      },
    },
    (server) => server.predict('p', { request: request as never, objects: ids.map((id) => ({ id })) }),
  );
  return { answer, seen };
}
const dataOf = (tensor: Tensor): unknown[] => Array.from(tensor.data as ArrayLike<unknown>);

describe('Predict', () => {
  it("repeats a request's values for each object, in the order of the columns", async () => {
    const { seen } = await run(
      {
        inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4], columns: ['request.a', 'f.v', 'request.b'] }],
        features: { v: 'float64[2]' },
        cells: {
          v: [
            [1, 2],
            [3, 4],
          ],
        },
        declaration: { request: { a: 'float32', b: 'bool' } },
      },
      [1, 0, 1],
      { a: 0.5, b: true },
    );
    const [x] = seen[0]!.inputs;
    expect([x!.shape, dataOf(x!)]).to.deep.equal([
      [3, 4],
      [0.5, 3, 4, 1, 0.5, 1, 2, 1, 0.5, 3, 4, 1],
    ]);
    expect(x!.data).to.be.instanceOf(Float32Array);
  });

  it('refuses a finite number that is none in the tensor, and takes infinity as what it is', async () => {
    const packed = (value: number, shape: readonly number[] = [-1, 3]) =>
      run(
        {
          inputs: [{ name: 'x', datatype: 'FP32', shape: [...shape], columns: ['request.a', 'f.v'] }],
          features: { v: 'float64[2]' },
          cells: {
            v: [
              [1, value],
              [2, 3],
            ],
          },
          declaration: { request: { a: 'float64' } },
        },
        [1, 0],
        { a: 3.4e38 },
      );
    const error = await thrownBy(packed(1e39));
    expect(error).to.include({ code: 'INVALID_ARGUMENT', path: 'f.v' });
    expect(error.message).to.contain('1e+39 in "f.v" does not fit the float32 that the model takes');
    expect([...dataOf((await packed(-Infinity)).seen[0]!.inputs[0]!)].slice(4)).to.deep.equal([1, -Infinity]);
  });

  it('packs int64, bool and texts into tensors of their own', async () => {
    const { seen } = await run(
      {
        inputs: [
          { name: 'i', datatype: 'INT64', shape: [-1, 3], columns: ['f.big', 'f.small', 'f.flag'] },
          { name: 'w', datatype: 'INT32', shape: [-1, 1], columns: ['f.small'] },
          { name: 'b', datatype: 'BOOL', shape: [-1, 1], columns: ['f.flag'] },
          { name: 's', datatype: 'BYTES', shape: [-1, 2], columns: ['f.text', 'request.word'] },
        ],
        features: { big: 'int64', small: 'int32', flag: 'bool', text: 'string' },
        cells: { big: [9007199254740993n, -1n], small: [7, -7], flag: [true, false], text: ['a', ''] },
        declaration: { request: { word: 'string' } },
      },
      [0, 1],
      { word: 'w' },
    );
    expect(seen[0]!.inputs.map(dataOf)).to.deep.equal([
      [9007199254740993n, 7n, 1n, -1n, -7n, 0n],
      [7, -7],
      [1, 0],
      ['a', 'w', '', 'w'],
    ]);
  });

  it('makes a null NaN in a floating tensor, whatever its column, and an empty text in one of texts', async () => {
    const { seen } = await run(
      {
        inputs: [
          { name: 'x', datatype: 'FP64', shape: [-1, 4], columns: ['f.f', 'f.i', 'f.l', 'f.b'] },
          { name: 'v', datatype: 'FP32', shape: [-1, 2], columns: ['f.v'] },
          { name: 's', datatype: 'BYTES', shape: [-1, 1], columns: ['f.s'] },
        ],
        features: { f: 'float64', i: 'int32', l: 'int64', b: 'bool', v: 'float32[2]', s: 'string' },
        cells: {
          f: [1, null],
          i: [1, null],
          l: [1n, null],
          b: [true, null],
          v: [[1, 2], null],
          s: ['a', null],
        },
      },
      [0, 1],
    );
    expect(seen[0]!.inputs.map(dataOf)).to.deep.equal([
      [1, 1, 1, 1, NaN, NaN, NaN, NaN],
      [1, 2, NaN, NaN],
      ['a', ''],
    ]);
  });

  for (const [datatype, type] of [
    ['INT64', 'int64'],
    ['INT64', 'int32'],
    ['INT32', 'int32'],
    ['BOOL', 'bool'],
  ] as const) {
    it(`refuses a null ${type} for ${datatype}, which has no value for it, and names the column`, async () => {
      const error = await thrownBy(
        run(
          {
            inputs: [{ name: 'x', datatype, shape: [-1, 1], columns: ['f.v'] }],
            features: { v: type },
            cells: { v: [null] },
          },
          [0],
        ),
      );
      expect([error.code, error.path]).to.deep.equal(['FEATURE_MISSING', 'f.v']);
    });
  }

  it('leaves skipped objects out of the tensors and puts answers where they belong', async () => {
    const { answer, seen } = await run(
      {
        inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, 2], columns: ['f.v', 'request.a'] }],
        features: { v: 'float64' },
        cells: { v: [10, 20] },
        onMissing: 'skip',
        declaration: { request: { a: 'float64' } },
        predict: ([x], { rows }) => [
          {
            name: 'y',
            datatype: 'FP64',
            shape: [rows],
            data: Float64Array.from({ length: rows }, (_, i) => (x!.data as Float64Array)[i * 2]! * 2),
          },
        ],
      },
      [1, 9, 0],
      { a: 5 },
    );
    expect(dataOf(seen[0]!.inputs[0]!)).to.deep.equal([20, 5, 10, 5]);
    expect(answer.objects).to.deep.equal([
      { index: 0, id: 1, y: 40 },
      { index: 2, id: 0, y: 20 },
    ]);
  });

  it('does not call the model where every object is skipped, or there is none', async () => {
    const setup: Setup = {
      inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, 1], columns: ['f.v'] }],
      features: { v: 'float64' },
      cells: { v: [1] },
      onMissing: 'skip',
    };
    for (const ids of [[], [8, 9]]) {
      const { answer, seen } = await run(setup, ids);
      expect([answer.objects, answer.models, seen]).to.deep.equal([[], [], []]);
    }
  });

  it('tells a model over requests where each begins, without skipped objects', async () => {
    const { seen } = await run(
      {
        inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, 1], columns: ['f.v'] }],
        over: 'request',
        features: { v: 'float64' },
        cells: { v: [1, 2] },
        onMissing: 'skip',
      },
      [0, 7, 1],
    );
    expect([seen[0]!.rows, seen[0]!.offsets]).to.deep.equal([2, [0, 2]]);
  });

  it('tells a model over rows of no requests', async () => {
    const { seen } = await run(
      { inputs: [{ name: 'x', datatype: 'INT32', shape: [-1, 1], columns: ['object.id'] }] },
      [0],
    );
    expect(seen[0]!.offsets).to.equal(undefined);
  });

  it('calls a model that needs only the request once, and repeats its output', async () => {
    const { answer, seen } = await run(
      {
        inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, 1], columns: ['request.a'] }],
        declaration: { request: { a: 'float64' } },
      },
      [0, 1],
      { a: 1 },
    );
    expect(seen[0]!.rows).to.equal(1);
    expect(answer.objects.map((object) => object['y'])).to.deep.equal([1, 1]);
  });

  const outputs: [
    string,
    Signature['outputs'][number],
    (rows: number) => Omit<Tensor, 'name' | 'datatype'>,
    unknown,
  ][] = [
    [
      'a scalar as [N, 1]',
      { name: 'y', datatype: 'FP32', shape: [-1, 1] },
      (n) => ({ shape: [n, 1], data: Float32Array.of(0.5, NaN) }),
      [0.5, 'NaN'],
    ],
    [
      'a vector',
      { name: 'y', datatype: 'FP32', shape: [-1, 2] },
      (n) => ({ shape: [n, 2], data: Float32Array.of(1, 2, 3, Infinity) }),
      [
        [1, 2],
        [3, 'Infinity'],
      ],
    ],
    [
      'a matrix, row by row',
      { name: 'y', datatype: 'INT32', shape: [-1, 2, 2] },
      (n) => ({ shape: [n, 2, 2], data: Int32Array.of(1, 2, 3, 4, 5, 6, 7, 8) }),
      [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
      ],
    ],
    [
      'a list where its length is open',
      { name: 'y', datatype: 'FP64', shape: [-1, -1] },
      (n) => ({ shape: [n, 3], data: Float64Array.of(1, 2, 3, 4, 5, 6) }),
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    ],
    [
      'a list where two dimensions are open',
      { name: 'y', datatype: 'FP64', shape: [-1, -1, -1] },
      (n) => ({ shape: [n, 1, 2], data: Float64Array.of(1, 2, 3, 4) }),
      [
        [1, 2],
        [3, 4],
      ],
    ],
    [
      'int64, beyond 2^53 as text',
      { name: 'y', datatype: 'INT64', shape: [-1] },
      (n) => ({ shape: [n], data: BigInt64Array.of(5n, 9007199254740993n) }),
      [5, '9007199254740993'],
    ],
    [
      'booleans',
      { name: 'y', datatype: 'BOOL', shape: [-1] },
      (n) => ({ shape: [n], data: Uint8Array.of(1, 0) }),
      [true, false],
    ],
    [
      'texts',
      { name: 'y', datatype: 'BYTES', shape: [-1] },
      (n) => ({ shape: [n], data: ['a', 'ä'] }),
      ['a', 'ä'],
    ],
    [
      'texts given as bytes',
      { name: 'y', datatype: 'BYTES', shape: [-1] },
      (n) => ({ shape: [n], data: [Buffer.from('a'), Buffer.from('ä')] }),
      ['a', 'ä'],
    ],
    [
      'lists of texts given as bytes',
      { name: 'y', datatype: 'BYTES', shape: [-1, -1] },
      (n) => ({ shape: [n, 1], data: [Buffer.from('a'), 'ä'] }),
      [['a'], ['ä']],
    ],
  ];
  for (const [what, output, tensor, wanted] of outputs) {
    it(`answers ${what}, with and without skipped objects`, async () => {
      const setup: Setup = {
        inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, 1], columns: ['f.v'] }],
        outputs: [output],
        features: { v: 'float64' },
        cells: { v: [1, 2] },
        onMissing: 'skip',
        predict: (_, { rows }) => [{ name: output.name, datatype: output.datatype, ...tensor(rows) }],
      };
      for (const ids of [
        [0, 1],
        [0, 9, 1],
      ]) {
        const { answer } = await run(setup, ids);
        expect(answer.objects.map((object) => object['y'])).to.deep.equal(wanted);
      }
    });
  }

  const broken: [string, (rows: number) => readonly Omit<Tensor, 'name'>[]][] = [
    ['too few rows', (n) => [{ datatype: 'FP64', shape: [n - 1], data: new Float64Array(n - 1) }]],
    ['too many rows', (n) => [{ datatype: 'FP64', shape: [n + 1], data: new Float64Array(n + 1) }]],
    [
      'less data than its shape says',
      (n) => [{ datatype: 'FP64', shape: [n], data: new Float64Array(n - 1) }],
    ],
    ['another datatype', (n) => [{ datatype: 'FP32', shape: [n], data: new Float32Array(n) as TensorData }]],
    [
      'data of another type',
      (n) => [{ datatype: 'FP64', shape: [n], data: new Float32Array(n) as TensorData }],
    ],
    ['no output', () => []],
  ];
  for (const [what, tensors] of broken) {
    it(`reports ${what} as PREDICTOR_FAILED`, async () => {
      const error = await thrownBy(
        run(
          {
            inputs: [{ name: 'x', datatype: 'INT32', shape: [-1, 1], columns: ['object.id'] }],
            predict: (_, { rows }) => tensors(rows).map((tensor) => ({ name: 'y', ...tensor })),
          },
          [0, 1],
        ),
      );
      expect(error.code).to.equal('PREDICTOR_FAILED');
      expect(error.message).to.contain('output "y"');
    });
  }

  it('hands on what the model fails with', async () => {
    const error = await thrownBy(
      run(
        {
          inputs: [{ name: 'x', datatype: 'INT32', shape: [-1, 1], columns: ['object.id'] }],
          predict: () => {
            throw new VivaceError('RESOURCE_EXHAUSTED', 'the queue is full', { retryAfterMs: 50 });
          },
        },
        [0],
      ),
    );
    expect([error.code, (error as { retryAfterMs?: number }).retryAfterMs]).to.deep.equal([
      'RESOURCE_EXHAUSTED',
      50,
    ]);
  });

  describe('is refused at start', () => {
    const features = {
      v: 'float64',
      wide: 'float64[3]',
      big: 'int64',
      text: 'string',
      list: 'list<float64>',
    };
    const mistake = async (
      input: Signature['inputs'][number],
      predictStep: object = {},
      over: 'row' | 'request' = 'row',
    ): Promise<string> =>
      (await thrownBy(run({ inputs: [input], over, features, predictStep }, [0]))).message;

    it('where columns do not fill the tensor, with both counts', async () => {
      expect(await mistake({ name: 'x', datatype: 'FP32', shape: [-1, 3], columns: ['f.v'] })).to.equal(
        'pipelines.p.steps[1].inputs.x: the columns give 1 values for each row of the model\'s input "x" [N, 3], which takes 3',
      );
    });

    it('where a column is of a type the tensor cannot hold', async () => {
      for (const [column, datatype] of [
        ['f.text', 'FP32'],
        ['f.list', 'FP32'],
        ['f.v', 'INT64'],
        ['f.v', 'BYTES'],
        ['f.big', 'INT32'],
        ['f.big', 'BOOL'],
      ] as const) {
        const message = await mistake({ name: 'x', datatype, shape: [-1, 1], columns: [column] });
        expect(message).to.match(
          new RegExp(`"${column}" is an? .*, but the model's input "x" is ${datatype}`),
        );
      }
    });

    it('where a column of the signature is unknown', async () => {
      expect(await mistake({ name: 'x', datatype: 'FP32', shape: [-1, 1], columns: ['f.vv'] })).to.contain(
        'did you mean "f.v"?',
      );
    });

    it('where nothing says which columns fill an input', async () => {
      expect(await mistake({ name: 'x', datatype: 'FP32', shape: [-1, 1] })).to.match(
        /inputs\.x: say which columns fill the model's input "x" \[N, 1\], here or with `vivace models push --columns`: /,
      );
    });

    it('where `inputs` names a tensor that the model has not', async () => {
      expect(
        await mistake(
          { name: 'x', datatype: 'FP32', shape: [-1, 1], columns: ['f.v'] },
          { inputs: { X1: ['f.v'] } },
        ),
      ).to.contain('the model has no input "X1"');
    });

    it('where rows of a model over requests are to be cached', async () => {
      const message = await mistake(
        { name: 'x', datatype: 'FP32', shape: [-1, 1], columns: ['f.v'] },
        { cache: { in: 'recent', ttlMs: 1 } },
        'request',
      );
      expect(message).to.contain('steps[1].cache: the model looks at all rows of a request together');
    });
  });

  it('takes tensors of two open dimensions', async () => {
    const { seen } = await run(
      {
        inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, -1, -1], columns: ['f.v', 'object.id'] }],
        features: { v: 'float64' },
        cells: { v: [4] },
      },
      [0],
    );
    expect(seen[0]!.inputs[0]!.shape).to.deep.equal([1, 2]);
  });

  it("lets `inputs` override the signature's columns, with the bare names of fields", async () => {
    const { seen } = await run(
      {
        inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, 2], columns: ['gone.a', 'gone.b'] }],
        predictStep: { inputs: { x: ['a', 'id'] } },
        declaration: { request: { a: 'float64' } },
      },
      [3],
      { a: 9 },
    );
    expect(dataOf(seen[0]!.inputs[0]!)).to.deep.equal([9, 3]);
  });

  it('refuses a bare name that both request and object have', async () => {
    const error = await thrownBy(
      run(
        {
          inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, 1], columns: ['id'] }],
          declaration: { request: { id: 'int32' } },
        },
        [3],
        { id: 9 },
      ),
    );
    expect(error.message).to.contain('there is no column "id" at this step');
  });
});
