import { expect } from 'chai';
import type { Tensor } from 'vivace';
import { runModel, type Setup } from '../support/run-model.js';
import { thrownBy } from '../support/scripted.js';

const dataOf = (tensor: Tensor): unknown[] => Array.from(tensor.data as ArrayLike<unknown>);

describe('Predict', () => {
  it("repeats a request's values for each object, in the order of the columns", async () => {
    const { seen } = await runModel(
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
      runModel(
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
    const { seen } = await runModel(
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
    const { seen } = await runModel(
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
        runModel(
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
    const { answer, seen } = await runModel(
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
      const { answer, seen } = await runModel(setup, ids);
      expect([answer.objects, answer.models, seen]).to.deep.equal([[], [], []]);
    }
  });

  it('tells a model over requests where each begins, without skipped objects', async () => {
    const { seen } = await runModel(
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
    const { seen } = await runModel(
      { inputs: [{ name: 'x', datatype: 'INT32', shape: [-1, 1], columns: ['object.id'] }] },
      [0],
    );
    expect(seen[0]!.offsets).to.equal(undefined);
  });

  it('calls a model that needs only the request once, and repeats its output', async () => {
    const { answer, seen } = await runModel(
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

  it('takes tensors of two open dimensions', async () => {
    const { seen } = await runModel(
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
    const { seen } = await runModel(
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
});
