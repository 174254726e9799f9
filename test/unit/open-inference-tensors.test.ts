import { expect } from 'chai';
import fc from 'fast-check';
import { VivaceError, type Datatype, type TensorData } from 'vivace';
import {
  inferRequestReader,
  inferResponseWriter,
  parseExact,
  rawRequestReader,
  type InferRequest,
} from 'vivace/wire';
import { fuzzRuns } from '../support/fuzz-runs.js';

const nothing = new Uint8Array(0);

/** A model with one input and one output of a datatype. */
function one(
  datatype: Datatype,
  shape: readonly number[] = [-1],
): {
  inputs: { name: string; datatype: Datatype; shape: readonly number[] }[];
  outputs: { name: string; datatype: Datatype; shape: readonly number[] }[];
} {
  return { inputs: [{ name: 'x', datatype, shape }], outputs: [{ name: 'y', datatype, shape }] };
}

/** Reads a text with one input as the protocol does. */
function readText(model: Parameters<typeof inferRequestReader>[0], text: string): InferRequest {
  return inferRequestReader(model)(
    { value: JSON.parse(text) as unknown, exact: () => parseExact(Buffer.from(text)) },
    nothing,
  );
}

function readData(datatype: Datatype, data: string, shape = '[1]', declared = [-1]): TensorData {
  const text = `{"inputs":[{"name":"x","datatype":"${datatype}","shape":${shape},"data":${data}}]}`;
  return readText(one(datatype, declared), text).inputs[0]!.data;
}

function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof VivaceError) return `${error.code} ${error.message}`;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('Open Inference tensors in JSON', () => {
  for (const [datatype, text, values] of [
    [
      'FP32',
      '[0.1,"NaN","Infinity","-Infinity",-0,3.4028235e38]',
      [Math.fround(0.1), NaN, Infinity, -Infinity, -0, 3.4028234663852886e38],
    ],
    ['FP64', '[0.1,"NaN",-0,1e308,9223372036854775808]', [0.1, NaN, -0, 1e308, 2 ** 63]],
    ['INT32', '[-2147483648,2147483647,-0]', [-2147483648, 2147483647, 0]],
    [
      'INT64',
      '[-9223372036854775808,9223372036854775807,9007199254740993,"-5",0]',
      [-(2n ** 63n), 2n ** 63n - 1n, 9007199254740993n, -5n, 0n],
    ],
    ['BOOL', '[true,false]', [1, 0]],
    ['BYTES', '["ż","\\u0000",""]', ['ż', '\0', '']],
  ] as const) {
    it(`are read exactly: ${datatype}`, () => {
      const data = Array.from(readData(datatype, text, `[${values.length}]`) as Float64Array) as unknown[];
      expect(data).to.have.length(values.length);
      values.forEach((value, i) =>
        expect(Object.is(data[i], value), `${String(data[i])} at ${i}`).to.equal(true),
      );
    });

    it(`are written so that they are read as they were: ${datatype}`, () => {
      const data = readData(datatype, text, `[${values.length}]`);
      const write = inferResponseWriter({ name: 'm', outputs: one(datatype).outputs });
      const { json } = write({ outputs: [{ shape: [values.length], data }] }, [{ index: 0, binary: false }]);
      const written = /"data":(\[.*\])\}\]\}$/.exec(json)![1]!;
      const again = readData(datatype, written, `[${values.length}]`);
      values.forEach((_, i) => expect(Object.is(again[i], data[i]), `at ${i}`).to.equal(true));
    });
  }

  for (const [datatype, text, reason] of [
    ['FP32', '["wide"]', '"wide" is not a float32'],
    ['FP32', '[1e39]', '1e+39 is not a float32'],
    ['FP32', '[1e400]', 'out of range'],
    ['FP32', '[null]', 'nulls'],
    ['FP64', '[true]', 'true is not a float64'],
    ['INT32', '[1.5]', '1.5 is not an int32'],
    ['INT32', '[2147483648]', '2147483648 is not an int32'],
    ['INT64', '[1.5]', '1.5 is not an int64'],
    ['INT64', '[9223372036854775808]', '9223372036854775808 is not an int64'],
    ['INT64', '[1e18]', 'without an exponent'],
    [`INT64`, `[1${'0'.repeat(300)}]`, 'not an int64'],
    ['INT64', '["5x"]', '"5x" is not an int64'],
    ['BOOL', '[1]', '1 is not a bool'],
    ['BYTES', '["\\ud800"]', 'not well-formed'],
    ['BYTES', '[5]', '5 is not a string'],
    ['BYTES', '[["a"]]', 'a list is not a string'],
    ['FP32', '[{}]', 'an object is not a float32'],
  ] as const) {
    it(`refuse ${text.slice(0, 30)} as ${datatype}, and say where`, () => {
      const said = refusal(() => readData(datatype, text));
      expect(said).to.contain('INVALID_ARGUMENT inputs').and.to.contain(reason);
    });
  }

  it('may be nested as their shape, or flat', () => {
    for (const data of ['[[1,2,3],[4,5,6]]', '[1,2,3,4,5,6]'])
      expect(Array.from(readData('INT32', data, '[2,3]', [-1, 3]) as Int32Array)).to.deep.equal([
        1, 2, 3, 4, 5, 6,
      ]);
    expect(readData('INT32', '[[[1],[2]]]', '[1,2,1]', [-1, 2, 1])).to.deep.equal(Int32Array.of(1, 2));
  });

  for (const [data, shape] of [
    ['[[1,2,3],[4]]', '[2,2]'],
    ['[[1],[2,3,4]]', '[2,2]'],
    ['[[1,2],3,4]', '[2,2]'],
    ['[1,[2],3,4]', '[2,2]'],
    ['[[1,2]]', '[2,2]'],
    ['[1,2,3]', '[2,2]'],
    ['[]', '[2,2]'],
    ['[[[1],[2]],[[3],[4]]]', '[2,2]'],
    ['5', '[2,2]'],
    ['null', '[2,2]'],
  ]) {
    it(`refuse ${data} for the shape ${shape}`, () => {
      expect(refusal(() => readData('INT32', data!, shape, [-1, 2]))).to.contain(
        'INVALID_ARGUMENT inputs[0].data',
      );
    });
  }

  it('may have no elements', () => {
    expect(readData('FP32', '[]', '[0,4]', [-1, 4])).to.have.length(0);
    expect(readData('FP32', '[[],[]]', '[2,0]', [-1, -1])).to.have.length(0);
    expect(readData('FP32', '[]', '[2,0]', [-1, -1])).to.have.length(0);
  });

  it('cannot name a size that overflows, or that is not there', () => {
    const big = 2_147_483_647;
    for (const shape of [
      [big, big, big],
      [65_536, 65_536, 65_536],
      [big, 2, 1],
      [4_294_967_296, 1, 1],
      [2 ** 53, 1, 1],
      [big, 0, big],
      [1_000_000, 0, 1],
      [-1, 1, 1],
      [1.5, 1, 1],
      [1, 1],
    ]) {
      const said = refusal(() => readData('INT32', '[1]', JSON.stringify(shape), [-1, -1, -1]));
      expect(said, String(shape)).to.contain('INVALID_ARGUMENT inputs[0]: ');
    }
    for (const [dimension, said] of [
      ['"1"', '"1"'],
      ['null', 'null'],
      ['[1]', 'a list'],
      ['{}', 'an object'],
      ['true', 'true'],
    ])
      expect(refusal(() => readData('INT32', '[1]', `[${dimension}]`))).to.contain(
        `${said} is not a dimension`,
      );
    expect(refusal(() => readData('INT32', '[1]', 'null'))).to.contain('shape is missing');
    // A gigabyte that is promised is not allocated for.
    expect(refusal(() => readData('FP64', '[[1]]', '[1,134217728]', [-1, -1]))).to.contain('1 elements');
    expect(refusal(() => readData('FP64', '[[1,2],[1]]', '[2,2]', [-1, -1]))).to.contain('1 elements');
  });

  it('are refused by name where their datatype is not served', () => {
    for (const datatype of ['UINT8', 'UINT16', 'UINT32', 'UINT64', 'INT8', 'INT16', 'FP16', 'BF16']) {
      const text = `{"inputs":[{"name":"x","datatype":"${datatype}","shape":[1],"data":[1]}]}`;
      const said = refusal(() => readText(one('FP32'), text));
      expect(said).to.contain(`${datatype} tensor is not served`);
    }
    const of = (datatype: string): string =>
      refusal(() => readText(one('FP32'), `{"inputs":[{"name":"x"${datatype},"shape":[1],"data":[1]}]}`));
    expect(of(',"datatype":"FP64"')).to.contain('is FP64, but FP32');
    expect(of(',"datatype":"float"')).to.contain('"float" is not a datatype');
    expect(of('')).to.contain('the datatype is missing');
    expect(of(',"datatype":"constructor"')).to.contain('not a datatype');
  });
});

describe('Open Inference requests', () => {
  const model = {
    inputs: [
      { name: 'a', datatype: 'INT32', shape: [-1] },
      { name: 'b', datatype: 'INT32', shape: [-1], optional: true },
    ],
    outputs: [
      { name: 'p', datatype: 'INT32', shape: [-1] },
      { name: 'q', datatype: 'INT32', shape: [-1] },
    ],
  } as const;
  const a = { name: 'a', datatype: 'INT32', shape: [1], data: [1] };
  const read = (request: object, binary = nothing): InferRequest =>
    inferRequestReader(model)({ value: request }, binary);
  const said = (request: unknown, binary = nothing): string => refusal(() => read(request as object, binary));

  it('have their inputs in the order of the model, whatever the order of the caller', () => {
    const { inputs, id } = read({ id: 'r', inputs: [{ ...a, name: 'b', data: [2] }, a] });
    expect(inputs.map((input) => [input?.name, Array.from(input!.data as Int32Array)])).to.deep.equal([
      ['a', [1]],
      ['b', [2]],
    ]);
    expect(id).to.equal('r');
  });

  it('may leave out an optional input, and no other', () => {
    expect(read({ inputs: [a] }).inputs[1]).to.equal(undefined);
    expect(said({ inputs: [] })).to.contain('the input "a" is missing');
  });

  it('select and order the outputs; all of them without `outputs`', () => {
    const outputs = (given: unknown, more = {}): unknown =>
      read({ inputs: [a], outputs: given, ...more }).outputs;
    const both = [
      { index: 0, binary: false },
      { index: 1, binary: false },
    ];
    for (const none of [undefined, null, []]) expect(outputs(none)).to.deep.equal(both);
    expect(outputs([{ name: 'q' }, { name: 'p', parameters: { binary_data: true } }])).to.deep.equal([
      { index: 1, binary: false },
      { index: 0, binary: true },
    ]);
    const parameters = { binary_data_output: true };
    expect(outputs(undefined, { parameters })).to.deep.equal(both.map((one) => ({ ...one, binary: true })));
    expect(
      outputs([{ name: 'q', parameters: { binary_data: false } }, { name: 'p' }], { parameters }),
    ).to.deep.equal([
      { index: 1, binary: false },
      { index: 0, binary: true },
    ]);
  });

  for (const [what, request, reason] of [
    [
      'an unknown output',
      { inputs: [a], outputs: [{ name: 'z' }] },
      'there is no output "z"; there are p, q',
    ],
    ['an output twice', { inputs: [a], outputs: [{ name: 'p' }, { name: 'p' }] }, 'asked for twice'],
    ['outputs that are not a list', { inputs: [a], outputs: 'p' }, 'outputs: is not a list'],
    ['an output that is not an object', { inputs: [a], outputs: ['p'] }, 'outputs[0]: is not an object'],
    [
      'a wrong binary_data',
      { inputs: [a], outputs: [{ name: 'p', parameters: { binary_data: 1 } }] },
      'not true or false',
    ],
    [
      'a classification',
      { inputs: [a], outputs: [{ name: 'p', parameters: { classification: 3 } }] },
      'UNIMPLEMENTED',
    ],
    ['an unknown input', { inputs: [{ ...a, name: 'z' }] }, 'there is no input "z"; there are a, b'],
    ['an input without a name', { inputs: [{ ...a, name: undefined }] }, 'there is no input undefined'],
    ['an input twice', { inputs: [a, a] }, 'is there twice'],
    ['no inputs', {}, 'inputs: is missing'],
    ['an input that is not an object', { inputs: [[]] }, 'inputs[0]: is not an object'],
    ['an input without data', { inputs: [{ ...a, data: undefined }] }, 'the data is not a list'],
    ['parameters that are not an object', { inputs: [a], parameters: [] }, 'parameters: is not an object'],
    ['an id that is not a text', { id: 5, inputs: [a] }, 'id: is not a text'],
    ['a sequence', { inputs: [a], parameters: { sequence_id: 7 } }, 'UNIMPLEMENTED'],
    ['shared memory', { inputs: [{ ...a, parameters: { shared_memory_region: 'r' } }] }, 'UNIMPLEMENTED'],
    ['a body that is a list', [], 'the body is not a JSON object'],
    ['a body that is null', null, 'the body is not a JSON object'],
  ] as const) {
    it(`refuse ${what}`, () => expect(said(request)).to.contain(reason));
  }

  it('say what to do about an integer that was rounded before it could be read', () => {
    const given = { inputs: [{ name: 'x', datatype: 'INT64', shape: [1], data: [2 ** 53] }] };
    const refused = refusal(() => inferRequestReader(one('INT64'))({ value: given }, nothing));
    expect(refused).to.contain('was rounded before it got here');
  });

  it('are read exactly without a change to what stands beside them', () => {
    const long = '9007199254740993';
    const inputs = (['INT64', 'FP64', 'BYTES'] as const).map((datatype) => ({
      name: datatype,
      datatype,
      shape: [1],
    }));
    const data = [long, long, `"${long}"`];
    const json = inputs.map((input, i) => JSON.stringify(input).replace(/}$/, `,"data":[${data[i]}]}`));
    const model = { inputs, outputs: [] };
    const read = readText(model, `{"parameters":{"seed":${long}},"inputs":[${json.join(',')}]}`);
    expect(read.inputs.map((input) => Array.from(input!.data as unknown[]))).to.deep.equal([
      [9007199254740993n],
      [2 ** 53],
      [long],
    ]);
    expect(read.parameters).to.deep.equal({ seed: 2 ** 53 });
    const number = `{"inputs":[${json[0]},${json[1]},${json[2]!.replaceAll(`"${long}"`, long)}]}`;
    expect(refusal(() => readText(model, number))).to.match(/^INVALID_ARGUMENT inputs\[2\]\.data\[0\]: /);
  });
});

describe('parseExact', () => {
  const exact = (text: string): unknown => parseExact(Buffer.from(text));

  it('reads what JSON.parse reads, but for integers of 16 digits and more', () => {
    const text = ' {"a" : [1, -2.5e3 ,"x\\"\\\\" , true,false,null,{}, [ ] ],"b\\u0041":"\\\\","":""}\n';
    expect(exact(text)).to.deep.equal(JSON.parse(text));
    expect(exact('\ufeff[9007199254740993,-9007199254740993 ,123456789012345]')).to.deep.equal([
      '9007199254740993',
      '-9007199254740993',
      123456789012345,
    ]);
    const floats = '[9007199254740993.0,9007199254740993e0,1.9007199254740993,1e-1,1E+2]';
    expect(exact(floats)).to.deep.equal(JSON.parse(floats));
  });

  it('leaves texts as they are, whatever JSON holds', () => {
    const strings = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('9007199254740993', '\\', '"', '\\"1234567890123456'),
    );
    const value = fc.jsonValue({ maxDepth: 4 });
    const property = fc.property(fc.array(fc.tuple(strings, value)), (given) => {
      // −0 and floats of many digits have a fraction or an exponent, or are written as they are read.
      const text = JSON.stringify(given, (_key, each: unknown) =>
        typeof each === 'number' && Math.abs(each) >= 1e15 ? 0 : each,
      );
      expect(exact(text), text).to.deep.equal(JSON.parse(text));
    });
    fc.assert(property, { numRuns: fuzzRuns(200) });
  });
});

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

describe('the raw form', () => {
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
