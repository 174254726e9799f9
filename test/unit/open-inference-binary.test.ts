import { expect } from 'chai';
import type { Datatype } from 'vivace';
import { inferRequestReader, inferResponseWriter, rawRequestReader, type InferRequest } from 'vivace/wire';
import { nothing, one, refusal } from '../support/inference-requests.js';

describe('Open Inference binary tensors', () => {
  const request = (datatype: Datatype, shape: readonly number[], bytes: Uint8Array): InferRequest =>
    inferRequestReader(
      one(
        datatype,
        shape.map(() => -1),
      ),
    )(
      {
        value: {
          inputs: [{ name: 'x', datatype, shape, parameters: { binary_data_size: bytes.length } }],
        },
      },
      bytes,
    );
  const bytesOf = (...texts: readonly (string | Uint8Array)[]): Buffer =>
    Buffer.concat(
      texts.flatMap((text) => {
        const bytes = Buffer.from(text);
        const length = Buffer.alloc(4);
        length.writeUInt32LE(bytes.length);
        return [length, bytes];
      }),
    );

  for (const [datatype, data, hex] of [
    ['FP32', Float32Array.of(1, -0, NaN), '0000803f000000800000c07f'],
    ['FP64', Float64Array.of(-2), '00000000000000c0'],
    ['INT32', Int32Array.of(1, -2), '01000000feffffff'],
    ['INT64', BigInt64Array.of(2n ** 63n - 1n), 'ffffffffffffff7f'],
    ['BOOL', Uint8Array.of(0, 1), '0001'],
    ['BYTES', ['ż', '', Uint8Array.of(255)], '02000000c5bc0000000001000000ff'],
  ] as const) {
    it(`are little-endian without padding, both ways: ${datatype}`, () => {
      const bytes = Buffer.from(hex, 'hex');
      // Not aligned, as they stand in a body.
      const within = Buffer.concat([Buffer.from('x'), bytes]).subarray(1);
      const input = request(datatype, [data.length], within).inputs[0]!;
      expect(input.data).to.deep.equal(data);
      const write = inferResponseWriter({ name: 'm', outputs: one(datatype).outputs });
      const answer = write({ outputs: [{ shape: input.shape, data: input.data }] }, [
        { index: 0, binary: true },
      ]);
      expect(Buffer.concat(answer.binary).toString('hex')).to.equal(hex);
      expect(JSON.parse(answer.json)).to.deep.equal({
        model_name: 'm',
        outputs: [
          { name: 'y', datatype, shape: [data.length], parameters: { binary_data_size: bytes.length } },
        ],
      });
    });
  }

  it('share no memory with the body', () => {
    const body = Buffer.from(new Float32Array([1, 2]).buffer);
    const { data } = request('FP32', [2], body).inputs[0]!;
    body.fill(0);
    expect(data).to.deep.equal(Float32Array.of(1, 2));
    const text = bytesOf(Uint8Array.of(254));
    const strings = request('BYTES', [1], text).inputs[0]!.data;
    text.fill(0);
    expect(strings).to.deep.equal([Uint8Array.of(254)]);
  });

  for (const [what, datatype, shape, bytes] of [
    ['too few bytes', 'FP32', [2], Buffer.alloc(4)],
    ['too many bytes', 'INT64', [1], Buffer.alloc(12)],
    ['a BOOL that is neither 0 nor 1', 'BOOL', [1], Buffer.from([2])],
    ['a text that goes on beyond the end', 'BYTES', [1], Buffer.from([255, 255, 255, 255, 1])],
    ['a length that is cut', 'BYTES', [1], Buffer.from([1, 0])],
    ['bytes after the last text', 'BYTES', [1], Buffer.concat([bytesOf('a'), Buffer.from([1])])],
    ['fewer texts than the shape has', 'BYTES', [3], bytesOf('abcdefgh', 'b')],
    ['texts that cannot be there', 'BYTES', [2_147_483_647], bytesOf('a')],
    ['numbers that cannot be there', 'FP64', [2_147_483_647], Buffer.alloc(8)],
  ] as const) {
    it(`refuse ${what}`, () => {
      expect(refusal(() => request(datatype, shape, bytes))).to.contain('INVALID_ARGUMENT inputs[0]: ');
    });
  }

  it('follow each other in the order of the caller, mixed with JSON', () => {
    const read = inferRequestReader({
      inputs: ['a', 'b', 'c'].map((name) => ({ name, datatype: 'INT32', shape: [-1] })),
      outputs: [],
    });
    const tensor = (name: string, more: object): object => ({ name, datatype: 'INT32', shape: [1], ...more });
    const binary = { parameters: { binary_data_size: 4 } };
    const value = { inputs: [tensor('c', binary), tensor('b', { data: [2] }), tensor('a', binary)] };
    const { inputs } = read({ value }, Buffer.from(Int32Array.of(3, 1).buffer));
    expect(inputs.map((input) => input!.data[0])).to.deep.equal([1, 2, 3]);
  });

  for (const [what, input, reason] of [
    ['more than the body has', { parameters: { binary_data_size: 12 } }, 'but 8 bytes are left'],
    ['a negative size', { parameters: { binary_data_size: -4 } }, 'not a number of bytes'],
    ['a size beyond INT_MAX', { parameters: { binary_data_size: 2 ** 31 } }, 'not a number of bytes'],
    ['a size that is a text', { parameters: { binary_data_size: '8' } }, 'not a number of bytes'],
    ['data as well', { parameters: { binary_data_size: 8 }, data: [1, 2] }, 'both `data` and'],
    ['less than the body has', { shape: [1], parameters: { binary_data_size: 4 } }, '4 bytes after the JSON'],
  ] as const) {
    it(`refuse ${what}`, () => {
      const value = { inputs: [{ name: 'x', datatype: 'INT32', shape: [2], ...input }] };
      expect(refusal(() => inferRequestReader(one('INT32'))({ value }, Buffer.alloc(8)))).to.contain(reason);
    });
  }

  it('refuse to be JSON where they are not UTF-8, rather than change', () => {
    const write = inferResponseWriter({ name: 'm', outputs: one('BYTES').outputs });
    const outputs = [{ shape: [1], data: [Uint8Array.of(255)] }];
    expect(refusal(() => write({ outputs }, [{ index: 0, binary: false }]))).to.contain(
      'ask for it as a binary tensor',
    );
  });
});

describe('Open Inference in the raw form', () => {
  const read = (model: Parameters<typeof rawRequestReader>[0], body: Uint8Array): InferRequest =>
    rawRequestReader(model)(body);

  it('takes the rows from the number of bytes, and asks for binary outputs', () => {
    const { inputs, outputs } = read(one('FP32', [-1, 2]), Buffer.from(Float32Array.of(1, 2, 3, 4).buffer));
    expect(inputs[0]).to.deep.include({ shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) });
    expect(outputs).to.deep.equal([{ index: 0, binary: true }]);
  });

  it('takes a body as one text', () => {
    expect(read(one('BYTES'), Buffer.from('ż')).inputs[0]).to.deep.include({ shape: [1], data: ['ż'] });
    expect(read(one('BYTES'), nothing).inputs[0]).to.deep.include({ shape: [1], data: [''] });
  });

  it('takes no rows from an empty body', () => {
    expect(read(one('FP32', [-1, 2]), nothing).inputs[0]!.shape).to.deep.equal([0, 2]);
  });

  it('refuses several inputs, an open shape, and bytes that are not whole rows', () => {
    const { inputs, outputs } = one('FP32');
    expect(refusal(() => read({ inputs: [...inputs, ...inputs], outputs }, nothing))).to.contain(
      'this has 2',
    );
    expect(refusal(() => read(one('FP32', [-1, -1]), Buffer.alloc(8)))).to.contain('do not tell the shape');
    expect(refusal(() => read(one('FP32', [-1, 2]), Buffer.alloc(12)))).to.contain('not a multiple of 8');
    expect(refusal(() => read(one('FP32', [1]), Buffer.alloc(8)))).to.contain('8 bytes');
  });
});
