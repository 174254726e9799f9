import { expect } from 'chai';
import fc from 'fast-check';
import { isVivaceError, type Datatype, type Tensor, type TensorData } from 'vivace';
import {
  inferRequestReader,
  inferRequestWriter,
  inferResponseReader,
  inferResponseWriter,
  messageBody,
  readJsonLength,
  splitBody,
  tensorDataOf,
  type DeclaredTensor,
  type InferMessage,
  type InferResponse,
} from 'vivace/wire';
import { fuzzRuns } from '../support/fuzz-runs.js';

const limits = { maxDepth: 32 };
const nothing = new Uint8Array(0);

/** A body as it goes over the network, and its header. */
function sent(message: InferMessage): { readonly body: Buffer; readonly jsonLength: number | undefined } {
  if (message.binary.length === 0) return { body: Buffer.from(message.json), jsonLength: undefined };
  const { headers, pieces } = messageBody(message);
  return {
    body: Buffer.concat(pieces),
    jsonLength: readJsonLength(headers['inference-header-content-length']),
  };
}

/** Reads a response as it came over the network. */
function readSent(outputs: readonly DeclaredTensor[], message: InferMessage): InferResponse {
  const { body, jsonLength } = sent(message);
  const { json, binary } = splitBody(body, jsonLength, limits);
  return inferResponseReader(outputs)(json, binary);
}

const elements: Readonly<Record<Datatype, fc.Arbitrary<unknown>>> = {
  FP32: fc.float(),
  FP64: fc.double(),
  INT32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  INT64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  BOOL: fc.boolean(),
  BYTES: fc.oneof(fc.string({ unit: 'grapheme' }), fc.uint8Array({ maxLength: 20 })),
};

/** Data as it would be read: bytes that are UTF-8 are texts. */
function dataOf(datatype: Datatype, values: readonly unknown[]): TensorData {
  if (datatype === 'INT64') return BigInt64Array.from(values as bigint[]);
  const data = tensorDataOf(datatype, values);
  if (!Array.isArray(data)) return data;
  return data.map((value) => {
    const text = Buffer.from(value as string).toString();
    return Buffer.from(text).equals(Buffer.from(value as string))
      ? text
      : Uint8Array.from(value as Uint8Array);
  });
}

const tensor = fc
  .record({
    datatype: fc.constantFrom<Datatype>('FP32', 'FP64', 'INT32', 'INT64', 'BOOL', 'BYTES'),
    shape: fc.array(fc.nat(4), { minLength: 1, maxLength: 3 }),
  })
  .chain(({ datatype, shape }) => {
    const length = shape.reduce((product, size) => product * size, 1);
    return fc
      .array(elements[datatype], { minLength: length, maxLength: length })
      .map((values) => ({ datatype, shape, data: dataOf(datatype, values) }));
  });

/** Tensors with names of any text, and their declarations. */
const tensors = fc
  .uniqueArray(fc.tuple(fc.string(), tensor), { selector: ([name]) => name, minLength: 1 })
  .map((given) => ({
    tensors: given.map(([name, own]): Tensor => ({ name, ...own })),
    declared: given.map(([name, { datatype, shape }]): DeclaredTensor => ({
      name,
      datatype,
      shape: shape.map(() => -1),
    })),
  }));

/** Every bit of a tensor, for a comparison. */
function bits({ name, datatype, shape, data }: Tensor): unknown[] {
  const bytes = Array.isArray(data)
    ? data.map((value) => [typeof value, Buffer.from(value as string).toString('hex')])
    : Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex');
  return [name, datatype, shape, bytes];
}

const hasBytes = (given: readonly Tensor[]): boolean =>
  given.some(({ data }) => Array.isArray(data) && data.some((value) => typeof value !== 'string'));

describe('Open Inference messages', () => {
  it('of a request are read as they were written, whatever the tensors', () => {
    fc.assert(
      fc.property(tensors, fc.option(fc.string()), ({ tensors: inputs, declared }, id) => {
        const model = { inputs: declared, outputs: declared };
        const message = inferRequestWriter(model)({
          inputs,
          parameters: { timeout: 5 },
          ...(id === null ? {} : { id }),
        });
        const { body, jsonLength } = sent(message);
        const { json, binary } = splitBody(body, jsonLength, limits);
        const read = inferRequestReader(model)(json, binary);
        expect(read.inputs.map((input) => bits(input!))).to.deep.equal(inputs.map(bits));
        expect(read.id).to.equal(id ?? undefined);
        expect(read.parameters).to.include({ timeout: 5, binary_data_output: true });
        expect(read.outputs).to.deep.equal(declared.map((_, index) => ({ index, binary: true })));
      }),
      { numRuns: fuzzRuns(200) },
    );
  });

  it('of a response are read as they were written, in JSON and in binary, in any order', () => {
    fc.assert(
      fc.property(
        tensors,
        fc.array(fc.boolean()),
        fc.boolean(),
        ({ tensors: outputs, declared }, binary, turned) => {
          // JSON has no place for bytes that are not UTF-8.
          const isBinary = (i: number): boolean =>
            hasBytes([outputs[i]!]) || binary[i % (binary.length || 1)] !== false;
          const wanted = outputs.map((_, index) => ({ index, binary: isBinary(index) }));
          if (turned) wanted.reverse();
          const message = inferResponseWriter({ name: 'm', outputs: declared })(
            { outputs, version: '3', id: 'a' },
            wanted,
          );
          const read = readSent(declared, message);
          expect(read.outputs.map(bits)).to.deep.equal(outputs.map(bits));
          expect([read.id, read.version]).to.deep.equal(['a', '3']);
        },
      ),
      { numRuns: fuzzRuns(200) },
    );
  });

  const outputs = [
    { name: 'y', datatype: 'FP32', shape: [-1, 2] },
    { name: 'n', datatype: 'INT64', shape: [-1] },
  ] as const;
  const y = { name: 'y', datatype: 'FP32', shape: [1, 2], data: [1, 2] };
  const n = { name: 'n', datatype: 'INT64', shape: [1], data: [9] };
  const said = (response: unknown, binary = nothing): string => {
    try {
      inferResponseReader(outputs)({ value: response }, binary);
    } catch (error) {
      if (!isVivaceError(error)) throw error;
      return `${error.code} ${error.message}`;
    }
    throw new Error('it was not refused');
  };

  it('of a response may leave out what nobody needs', () => {
    const read = inferResponseReader(outputs)({ value: { outputs: [n, y] } }, nothing);
    expect([read.id, read.version, read.parameters]).to.deep.equal([undefined, undefined, {}]);
    expect(read.outputs.map(({ name }) => name)).to.deep.equal(['y', 'n']);
  });

  it('of a response keep integers beyond 2^53 exactly', () => {
    const text = '{"outputs":[{"name":"n","datatype":"INT64","shape":[1],"data":[9007199254740993]}]}';
    const { json, binary } = splitBody(Buffer.from(text), undefined, limits);
    const [read] = inferResponseReader([outputs[1]])(json, binary).outputs;
    expect(read!.data).to.deep.equal(BigInt64Array.of(9007199254740993n));
  });

  for (const [what, response, reason] of [
    ['a list', [], 'the body is not a JSON object {"outputs": […]}'],
    ['null', null, 'not a JSON object'],
    ['no outputs', {}, 'outputs: is missing'],
    ['outputs that are not a list', { outputs: {} }, 'outputs: is missing'],
    [
      'an error with status 200',
      { error: 'the batcher failed' },
      'an error instead of outputs: the batcher failed',
    ],
    ['an output that is missing', { outputs: [y] }, 'the output "n" is missing'],
    [
      'an output that nobody declared',
      { outputs: [y, n, { ...n, name: 'z' }] },
      'there is no output "z"; there are y, n',
    ],
    ['an output twice', { outputs: [y, n, y] }, 'the output "y" is there twice'],
    [
      'another datatype',
      { outputs: [{ ...y, datatype: 'FP64' }, n] },
      'outputs[0]: the datatype is FP64, but FP32 is expected',
    ],
    ['a datatype that Vivace does not have', { outputs: [{ ...y, datatype: 'FP16' }, n] }, 'FP16'],
    ['another rank', { outputs: [{ ...y, shape: [2] }, n] }, 'the shape is [2], but [-1, 2] is declared'],
    ['another width', { outputs: [{ ...y, shape: [1, 3] }, n] }, 'the shape is [1, 3]'],
    [
      'a shape that lies',
      { outputs: [{ ...y, shape: [2, 2] }, n] },
      '2 elements, but the shape [2, 2] has 4',
    ],
    ['a negative dimension', { outputs: [{ ...y, shape: [-1, 2] }, n] }, '-1 is not a dimension'],
    ['null for NaN', { outputs: [{ ...y, data: [1, null] }, n] }, 'null is not a float32'],
    ['a number out of range', { outputs: [{ ...y, data: [1, 1e39] }, n] }, 'is not a float32'],
    ['neither data nor bytes', { outputs: [{ ...y, data: undefined }, n] }, 'the data is not a list'],
    [
      'bytes that are not there',
      { outputs: [{ ...y, data: undefined, parameters: { binary_data_size: 8 } }, n] },
      '0 bytes are left',
    ],
    ['data and bytes', { outputs: [{ ...y, parameters: { binary_data_size: 0 } }, n] }, 'has both'],
    [
      'a size that is not a number',
      { outputs: [{ ...y, data: undefined, parameters: { binary_data_size: '8' } }, n] },
      'is not a number of bytes',
    ],
    ['shared memory', { outputs: [{ ...y, parameters: { shared_memory_region: 'r' } }, n] }, 'shared memory'],
    ['an id that is not a text', { id: 5, outputs: [y, n] }, 'id: is not a text'],
    ['a version that is not a text', { model_version: 5, outputs: [y, n] }, 'model_version: is not a text'],
    ['an integer that was rounded', { outputs: [y, { ...n, data: [2 ** 53] }] }, 'was rounded'],
  ] as const) {
    it(`of a response refuse ${what}`, () => {
      expect(said(response))
        .to.match(/^PREDICTOR_FAILED the answer is wrong: /)
        .and.to.contain(reason);
    });
  }

  it('of a response refuse bytes that belong to no output, and bytes of another length', () => {
    expect(said({ outputs: [y, n] }, new Uint8Array(8))).to.contain(
      '8 bytes after the JSON belong to no output',
    );
    const short = { ...y, data: undefined, parameters: { binary_data_size: 7 } };
    expect(said({ outputs: [short, n] }, new Uint8Array(7))).to.contain(
      '7 bytes, but 2 elements of FP32 have 8',
    );
  });

  for (const header of ['five', '-1', '1.5', '', '0x10', '2147483648', '1, 2'])
    it(`refuse the JSON length ${JSON.stringify(header)}`, () => {
      expect(() => readJsonLength(header)).to.throw('is not a number of bytes from 0 to 2147483647');
    });

  it('refuse a JSON length beyond the body', () => {
    expect(() => splitBody(Buffer.from('{}'), 3, limits)).to.throw('is 3, but the body has 2 bytes');
  });

  it('of a response that was changed on its way are read or refused with a reason, and nothing else happens', () => {
    const declared: DeclaredTensor[] = [
      ...outputs,
      { name: 's', datatype: 'BYTES', shape: [-1] },
      { name: 'b', datatype: 'BOOL', shape: [-1] },
    ];
    const whole = inferResponseWriter({ name: 'm', outputs: declared })(
      {
        id: 'a',
        outputs: [
          { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
          { shape: [2], data: BigInt64Array.of(1n, -1n) },
          { shape: [2], data: ['ż', ''] },
          { shape: [1], data: Uint8Array.of(1) },
        ],
      },
      declared.map((_, index) => ({ index, binary: index !== 1 })),
    );
    const known = sent(whole);
    const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
    const mutated = fc.record({
      changes: fc.array(change, { minLength: 1, maxLength: 4 }),
      cut: fc.option(fc.nat(), { freq: 5 }),
      header: fc.option(fc.nat(400), { freq: 5 }),
    });
    let refused = 0;
    const runs = fuzzRuns(20_000);
    fc.assert(
      fc.property(mutated, ({ changes, cut, header }) => {
        const bytes = Buffer.from(known.body);
        for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
        const came = cut === null ? bytes : bytes.subarray(0, cut % bytes.length);
        try {
          const { json, binary } = splitBody(came, header ?? known.jsonLength, limits);
          const read = inferResponseReader(declared)(json, binary);
          read.outputs.forEach(({ name, datatype, shape, data }, i) => {
            expect([name, datatype]).to.deep.equal([declared[i]!.name, declared[i]!.datatype]);
            expect(data.length).to.equal(shape.reduce((product, size) => product * size, 1));
          });
        } catch (error) {
          if (!isVivaceError(error)) throw error;
          expect(error.code).to.be.oneOf(['PREDICTOR_FAILED', 'INVALID_ARGUMENT']);
          refused++;
        }
      }),
      { numRuns: runs },
    );
    expect(refused).to.be.above(runs / 10);
  });
});
