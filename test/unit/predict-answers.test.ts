import { expect } from 'chai';
import { VivaceError, type Signature, type Tensor, type TensorData } from 'vivace';
import { runModel, type Setup } from '../support/run-model.js';
import { thrownBy } from '../support/scripted.js';

describe('What a model answers', () => {
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
        const { answer } = await runModel(setup, ids);
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
        runModel(
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
      runModel(
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
});
